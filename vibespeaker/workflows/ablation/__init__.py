"""Lists of trainings on selections of one corpus, scored on the same tests: ablations and cross-corpus evaluation."""

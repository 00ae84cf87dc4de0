"""Lists of trainings on selections of one corpus, scored on the same tests: ablations, and from corpus to corpus."""

"""Lightning callbacks of a run: checkpoints, records of the run, figures, prediction tables."""

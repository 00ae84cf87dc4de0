"""What runs beside a task: checkpoints, records of the run, pictures, prediction tables."""

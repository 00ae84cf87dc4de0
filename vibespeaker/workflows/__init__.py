"""Several commands in a row: quickstart, sweeps, ablations."""

"""Many configs in one table: a grid, a list or a search over any config key, one process per trial, resumable."""

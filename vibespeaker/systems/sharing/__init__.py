"""Sharing a model: its folder, its card from the run's own records, its head for other runtimes, and the hub."""

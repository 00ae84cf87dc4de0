"""Splitting manifests: what belongs together, strategies, and the command."""

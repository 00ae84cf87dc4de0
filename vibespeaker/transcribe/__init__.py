"""From recordings to texts."""

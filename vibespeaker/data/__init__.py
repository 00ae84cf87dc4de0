"""From a manifest and a cache (or live audio and text) to batches."""

"""Frozen encoders: audio or text in, frame embeddings out."""

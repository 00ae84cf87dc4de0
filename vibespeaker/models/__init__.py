"""Emotion models: pooling, projection, fusion and heads. They see frames and nothing of where those came from."""

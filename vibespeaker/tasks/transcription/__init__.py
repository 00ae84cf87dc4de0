"""Learning to hear words: the task and its data module."""

"""Splits of `bench_real_speech.py`: corpora and folds, training, the classical standard, scores."""

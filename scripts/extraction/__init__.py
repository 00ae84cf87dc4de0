"""What the benchmarks of encoders and of extraction share."""

"""Shipped experiments of published systems, on recordings made in code and small checkpoints of the real classes."""

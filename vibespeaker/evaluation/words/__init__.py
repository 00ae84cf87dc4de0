"""Errors of recognised words: how they are counted, scored with intervals, compared, and shown."""

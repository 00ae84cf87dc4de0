"""Challenge submissions: the two CSV files, their validator, and the guard of the closed condition."""

from vibespeaker.submission.command import submit

__all__ = ["submit"]

"""VibeSpeaker: speech emotion recognition from recordings and their transcripts."""

__version__ = "0.1.0"

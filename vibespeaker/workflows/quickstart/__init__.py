"""The full pipeline in one command: corpus → manifest → cache → training → predictions → submission and report."""

from vibespeaker.workflows.quickstart.command import quickstart

__all__ = ["quickstart"]

"""From a folder, a table or a corpus to a trained model, its report and its folder, by the ordinary commands."""

from vibespeaker.workflows.train.command import train

__all__ = ["train"]

"""Config files: where they are found, and what their names mean today."""

from vibespeaker.config_files.shipped import find_config, shipped_configs

__all__ = ["find_config", "shipped_configs"]

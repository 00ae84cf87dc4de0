"""LightningCLI around one run folder, and config files on top of each other."""

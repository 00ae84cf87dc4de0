"""LightningModules and the trainer command line."""

"""How the model that comes with the package is trained, measured and described."""

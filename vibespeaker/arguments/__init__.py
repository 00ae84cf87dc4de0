"""The words of a command line as the arguments of a function: calling it, its help, mappings and ranges."""

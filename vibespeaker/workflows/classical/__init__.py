"""Classical baselines, fitted fold by fold and scored beside each other."""

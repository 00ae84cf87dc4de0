"""A generated corpus for machines without data: parametric voices, simulated raters, the MSP-Podcast layout on disk."""

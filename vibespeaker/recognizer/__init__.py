"""One recording → transcript, probabilities of the categories, attributes; from a checkpoint alone."""

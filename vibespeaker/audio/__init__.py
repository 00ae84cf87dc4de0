"""From a recording on disk to samples: reading, measuring, inspecting, cleaning, augmenting."""

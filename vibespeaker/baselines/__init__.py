"""Classical baselines: classifiers of scikit-learn and gradient boosting on embeddings out of a cache."""

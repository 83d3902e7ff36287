"""Training as the app knows it: the scripts' hyperparameters, the metric line, the cache of
features."""

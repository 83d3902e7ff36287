"""Evaluation of a model's stored predictions: scores, confusion, calibration, comparison, and the
photos of each figure."""

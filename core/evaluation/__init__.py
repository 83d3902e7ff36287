"""Evaluation of stored predictions: scores, confusion, calibration, comparison, and the photos
behind each number."""

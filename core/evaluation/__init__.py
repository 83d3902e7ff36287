"""What a model's stored predictions say: scores, confusion, calibration, comparison, and the photos
behind each figure."""

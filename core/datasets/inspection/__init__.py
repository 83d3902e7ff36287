"""What may be wrong with a dataset, found in numpy from its photos and their cached features."""

"""The Batch page: many photos through a model, the results, and the review queue."""

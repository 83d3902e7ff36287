"""The Batch page: photos through a model, the table of answers, and the review queue."""

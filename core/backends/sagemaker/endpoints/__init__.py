"""Endpoints on SageMaker: made, watched, measured, and the answers that they keep."""

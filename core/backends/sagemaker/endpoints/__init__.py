"""Endpoints on SageMaker: creation, watcher, figures and captured requests."""

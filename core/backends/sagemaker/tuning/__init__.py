"""Tuning jobs on SageMaker."""

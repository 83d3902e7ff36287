"""Training jobs on SageMaker."""

"""Transform jobs on SageMaker: their input, their answers, and the watcher."""

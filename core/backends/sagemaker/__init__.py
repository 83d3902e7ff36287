"""The Amazon SageMaker backend: a watcher process on this machine follows each job."""

"""Amazon SageMaker as a backend: every job there is watched by a process here."""

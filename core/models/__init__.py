"""Models: the artifact of a finished training job, its card, what it says of a photo and why."""

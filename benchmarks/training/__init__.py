"""Training and tuning: a first model, the next ones, fine-tuning, starting a job, thirty trials."""

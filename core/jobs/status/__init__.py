"""The status of a job while it runs and after its end."""

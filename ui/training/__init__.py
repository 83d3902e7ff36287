"""The Train page: the form, a job, a comparison."""

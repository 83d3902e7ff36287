"""Changes to a dataset: steps, drafts, their history, and the photos that wait for a person's
word."""

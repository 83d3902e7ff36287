"""Batch jobs here: photos through the model's fastest form, into the table of answers."""

"""The AWS page: account, checks, what runs, clean-up."""

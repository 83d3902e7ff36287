"""The AWS page: account, checks, running resources, clean-up, prices and permissions."""

"""Running resources in the account, their cost, and the clean-up of unused ones."""

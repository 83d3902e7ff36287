"""What runs and what is kept on the account, what it costs, and how it is cleaned up."""

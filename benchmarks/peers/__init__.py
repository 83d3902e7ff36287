"""The peers, each written as its users would write it, and run as a separate process."""

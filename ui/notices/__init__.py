"""What a page says beside its content: its title, what the last action did, what is missing."""

"""Jobs: their specs, folders and states, and the processes that run them."""

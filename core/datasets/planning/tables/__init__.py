"""Tables in the files of strangers: how each form of them is read, and what their columns say."""

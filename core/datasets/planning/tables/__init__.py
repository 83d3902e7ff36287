"""Tables of labels in any format: how each is read, and the roles of its columns."""

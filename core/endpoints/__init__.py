"""What endpoints leave behind: answers that were kept, drift, load tests."""

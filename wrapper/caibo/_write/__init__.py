"""What is decided about one write; nothing here waits."""

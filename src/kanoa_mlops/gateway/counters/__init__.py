"""What engines tell of themselves, under one set of names."""

"""Several models on one machine that do not all fit at once."""

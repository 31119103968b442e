"""WHERE WEIGHTS COME FROM: hub, package index or local file, to a verified file in the cache."""

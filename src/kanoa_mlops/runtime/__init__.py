"""RUN IT HERE: processes from a launch; health, logs and state on disk."""

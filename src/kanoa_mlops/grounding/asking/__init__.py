"""From what somebody asked to what is searched for, and from passages to a prompt they cannot break. Pure."""

"""What an answer says of its passages: which it cites, and whether its numbers stand in them. Pure."""

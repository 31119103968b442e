"""THE FRONT DOOR: one OpenAI-compatible address in front of every engine."""

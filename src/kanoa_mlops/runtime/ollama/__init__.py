"""A model kept loaded in an Ollama daemon: the person's own, or one of ours."""

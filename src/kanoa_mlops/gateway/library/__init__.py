"""OpenAI's files and vector stores, on a library of the owner's."""

"""A model that is not in the catalog, read from its own files into our types. Pure; never guesses."""

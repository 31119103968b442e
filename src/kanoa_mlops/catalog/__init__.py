"""WHAT EXISTS: models and where their weights come from, as data, read strictly."""

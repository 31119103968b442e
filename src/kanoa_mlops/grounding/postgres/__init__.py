"""Postgres, as grounding speaks with it: our own collections, and the tables of others."""

"""Engines in containers, by Docker or Podman."""

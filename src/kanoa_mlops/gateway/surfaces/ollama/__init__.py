"""Ollama's API, for tools that speak it (docs/api.md of ollama/ollama; client 0.6.3, 2026-11)."""

"""WHAT SHOULD RUN: pure decisions from a model, a machine and a wish to a plan."""

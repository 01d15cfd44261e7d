"""Selects the features of the vector that a model uses."""

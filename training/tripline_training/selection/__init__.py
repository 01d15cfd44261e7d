"""Which features of the vector a model uses."""

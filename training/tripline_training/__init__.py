"""From features and labels to a checked, published fraud model."""

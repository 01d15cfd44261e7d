"""Trains, checks and publishes fraud models from features and labels."""

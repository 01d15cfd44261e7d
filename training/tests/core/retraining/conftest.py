"""The fixtures of test_retrain.py: a champion, and payments on which a better model can be trained."""

from tests.core.test_retrain import given, lake

__all__ = ["given", "lake"]

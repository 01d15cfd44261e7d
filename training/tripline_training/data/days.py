"""How long a day is; here so that a command which needs nothing else of `metrics` does not wait for scikit-learn."""

DAY_MS = 86_400_000

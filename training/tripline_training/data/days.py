"""The length of a day. A separate module, so that commands that need only this do not load scikit-learn with `metrics`.
"""

DAY_MS = 86_400_000

"""The one kind of error that a person can do something about."""

import sys
from collections.abc import Callable


class FeatureRepositoryError(Exception):
    """The message is a sentence that says what is wrong and how to fix it."""


class EmptyLogError(FeatureRepositoryError):
    """There is no payment in it. One that is being written may have some later."""


def run_command(main: Callable[[], None]) -> None:
    """Runs a command; a FeatureRepositoryError becomes one line on stderr and exit code 1, the rest a traceback."""
    try:
        main()
    except FeatureRepositoryError as error:
        sys.exit(f"error: {error}")

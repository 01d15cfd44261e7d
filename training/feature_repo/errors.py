"""Errors that a user can fix."""

import sys
from collections.abc import Callable


class FeatureRepositoryError(Exception):
    """The message is a sentence that says what is wrong and how to fix it."""


class EmptyLogError(FeatureRepositoryError):
    """The log contains no payments. A log that is still being written may contain some later."""


def run_command(main: Callable[[], None]) -> None:
    """Runs a command. A FeatureRepositoryError becomes one line on stderr and exit code 1, any other error a traceback.
    """
    try:
        main()
    except FeatureRepositoryError as error:
        sys.exit(f"error: {error}")

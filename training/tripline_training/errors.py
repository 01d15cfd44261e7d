"""Errors that a user can fix."""

import sys
from collections.abc import Callable


class TrainingError(Exception):
    """The message is a sentence that says what is wrong and, if possible, how to fix it."""


class TooEarlyError(TrainingError):
    """There is too little data yet; a later attempt may succeed."""


TOO_EARLY_EXIT_CODE = 3


def run_command(main: Callable[[], None]) -> None:
    """Runs a command. A TrainingError becomes one line on stderr and exit code 1, any other error a traceback."""
    try:
        main()
    except TrainingError as error:
        sys.exit(f"error: {error}")

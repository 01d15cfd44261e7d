"""The one kind of error that a person can do something about."""

import sys
from collections.abc import Callable


class TrainingError(Exception):
    """The message is a sentence that says what is wrong and, where possible, how to fix it."""


class TooEarlyError(TrainingError):
    """There is too little data yet; with time there is more."""


TOO_EARLY_EXIT_CODE = 3


def run_command(main: Callable[[], None]) -> None:
    """Runs a command; a TrainingError becomes one line on stderr and exit code 1, anything else a traceback."""
    try:
        main()
    except TrainingError as error:
        sys.exit(f"error: {error}")

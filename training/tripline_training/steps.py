"""Prints the progress of a command's steps."""

import time


class step:  # noqa: N801 -- reads as a verb where it is used
    """Prints one line for a successful step: its name, its message, and its duration in seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = ""

    def says(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> "step":
        self._started = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            print(f"{self._name}: {self._text} seconds={time.perf_counter() - self._started:.1f}", flush=True)


def figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"

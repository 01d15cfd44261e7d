"""Parameters of the trees: `params.json` next to this package, or a similar file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tripline_training.errors import TrainingError

DEFAULT_PARAMS = Path(__file__).parents[2] / "params.json"


@dataclass(frozen=True)
class Params:
    """The names are XGBoost's own, except `trees` and `genuine_share`."""

    trees: int
    max_depth: int
    learning_rate: float
    min_child_weight: float
    subsample: float
    colsample_bytree: float
    max_leaves: int = 0
    """Maximum leaves of a tree, which grows by largest gain first; 0: limited only by the depth, level by level."""
    max_bin: int = 256
    """Candidate split values per feature. They follow the distribution of the rows, which are nearly all genuine: with
    few bins, extreme values, where frauds are, cannot be distinguished.
    """
    reg_lambda: float = 1.0
    genuine_share: float = 1.0
    """Share of the genuine payments to use for training; weights compensate for the rest. Frauds are never omitted."""

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


# Minimum and maximum, both inclusive.
LIMITS: dict[str, tuple[float, float]] = {
    "trees": (1, 5_000),
    "max_depth": (1, 12),
    "max_leaves": (0, 4096),
    "learning_rate": (1e-4, 1),
    "min_child_weight": (0, 1e6),
    "subsample": (0.01, 1),
    "colsample_bytree": (0.01, 1),
    "max_bin": (2, 65_536),
    "reg_lambda": (0, 1e6),
    "genuine_share": (0.01, 1),
}
WHOLE = ("trees", "max_depth", "max_leaves", "max_bin")


def read_params(path: Path) -> Params:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of range.

    Ignores the rules of retraining, which may be in the same file under `retrain`.
    """
    return Params(**read_values(path, LIMITS, WHOLE, besides=("retrain",)))


def read_values(
    path: Path, limits: dict[str, tuple[float, float]], whole: tuple[str, ...], besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The numbers of a JSON file that must contain exactly these, apart from the entries in `besides`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error
    if isinstance(values, dict):
        for name in besides:
            values.pop(name, None)
    if not isinstance(values, dict) or set(values) != set(limits):
        raise TrainingError(f"{path} must contain exactly {', '.join(limits)}.")
    for name, (low, high) in limits.items():
        value = values[name]
        kinds = (int,) if name in whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise TrainingError(f"{path}: {name} must be a number from {low:g} to {high:g}, not {value!r}.")
    return values

"""Parameters of the trees: `params.json` beside this package, or a file like it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tripline_training.errors import TrainingError

DEFAULT_PARAMS = Path(__file__).parent.parent / "params.json"


@dataclass(frozen=True)
class Params:
    """The names are XGBoost's own, except `trees`."""

    trees: int
    max_depth: int
    learning_rate: float
    min_child_weight: float
    subsample: float
    colsample_bytree: float

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


# From and to, both included.
LIMITS: dict[str, tuple[float, float]] = {
    "trees": (1, 5_000),
    "max_depth": (1, 12),
    "learning_rate": (1e-4, 1),
    "min_child_weight": (0, 1e6),
    "subsample": (0.01, 1),
    "colsample_bytree": (0.01, 1),
}
WHOLE = ("trees", "max_depth")


def read_params(path: Path) -> Params:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of its limits."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict) or set(values) != set(LIMITS):
        raise TrainingError(f"{path} must hold exactly {', '.join(LIMITS)}.")
    for name, (low, high) in LIMITS.items():
        value = values[name]
        kinds = (int,) if name in WHOLE else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise TrainingError(f"{path}: {name} must be a number from {low:g} to {high:g}, not {value!r}.")
    return Params(**values)

"""The rules for when a retrained model is better than the champion: `retrain` in params.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tripline_training.data.dataset import Span, parse_span
from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class Rules:
    newest_days: int
    """Days on which both models are measured: the newest labelled days. No model is trained on them."""
    label_delay_days: int
    """Nearly all labels of a payment arrive within this time. This many days separate training from measuring."""
    warm_up_days: int
    """Days at the start of the archive that are not trained on, because their windows are mostly empty."""
    train_days_min: int
    train_days_max: int
    ap_gain_min: float
    """The average precision must rise by at least this, and the 95 % interval of the gain must be above 0."""
    cp100_loss_max: float
    """Card precision@100 may fall by at most this, and the interval of its gain must reach 0."""
    calibration_ratio_max: float
    """Maximum of observed / expected frauds, overall and above each band. The minimum is its reciprocal."""
    log_loss_rise_max: float
    """Maximum rise of the log loss; a larger rise counts only if it is statistically significant."""
    old_ap_loss_max: float
    """On the fixed old weeks, the average precision may fall by at most this."""
    replicates: int
    """Number of bootstrap samples."""
    bands: tuple[float, ...]
    """Scores at which the policy acts, ascending. Scores above each must be calibrated."""
    fixed_windows: tuple[tuple[str, str], ...]
    """Old weeks as pairs of dates, both inclusive. Empty: those in the champion's manifest."""

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def fixed_spans(self) -> list[Span]:
        return [parse_span(first, last) for first, last in self.fixed_windows]


# Minimum and maximum, both inclusive.
LIMITS: dict[str, tuple[float, float]] = {
    "newest_days": (1, 90),
    "label_delay_days": (0, 180),
    "warm_up_days": (0, 365),
    "train_days_min": (3, 3_650),
    "train_days_max": (3, 3_650),
    "ap_gain_min": (0, 1),
    "cp100_loss_max": (0, 1),
    "calibration_ratio_max": (1.01, 100),
    "log_loss_rise_max": (0, 1),
    "old_ap_loss_max": (0, 1),
    "replicates": (50, 10_000),
}
WHOLE = ("newest_days", "label_delay_days", "warm_up_days", "train_days_min", "train_days_max", "replicates")
WINDOWS_MAX = 4


def read_rules(path: Path) -> Rules:
    """Raises TrainingError that names the first rule that is missing, unknown or out of range."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["retrain"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} has no rules under `retrain`; copy them from training/params.json.") from error
    if not isinstance(values, dict) or set(values) != {*LIMITS, "bands", "fixed_windows"}:
        raise TrainingError(f"{path}: retrain must contain exactly {', '.join(LIMITS)}, bands, fixed_windows.")
    for name, (low, high) in LIMITS.items():
        value = values[name]
        kinds = (int,) if name in WHOLE else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise TrainingError(f"{path}: retrain.{name} must be a number from {low:g} to {high:g}, not {value!r}.")
    if values["train_days_min"] > values["train_days_max"]:
        raise TrainingError(f"{path}: retrain.train_days_min must not be above train_days_max.")
    bands = values["bands"]
    if not isinstance(bands, list) or not all(isinstance(band, float) and 0 < band < 1 for band in bands):
        raise TrainingError(f"{path}: retrain.bands must be a list of scores between 0 and 1.")
    windows = values["fixed_windows"]
    pairs = isinstance(windows, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(day, str) for day in pair) for pair in windows
    )
    if not pairs or len(windows) > WINDOWS_MAX:
        raise TrainingError(
            f"{path}: retrain.fixed_windows must be up to {WINDOWS_MAX} pairs of a first and last date."
        )
    named = tuple((str(first), str(last)) for first, last in windows)
    rules = Rules(**{**values, "bands": tuple(bands), "fixed_windows": named})
    assert len(rules.fixed_spans) == len(windows)
    return rules

"""The handbook's published splits and results, for comparison with ours.

Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection - Practical
Handbook", https://github.com/Fraud-Detection-Handbook/fraud-detection-handbook, chapters 5 to 7.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tripline_training.data.dataset import Span, parse_span
from tripline_training.errors import TrainingError

PARTS = ("test", "validation")

# Means over the four folds: AUC ROC, average precision, Card Precision@100.
PUBLISHED = {
    "test": {
        "logistic regression": (0.868, 0.623, 0.297),
        "random forest": (0.870, 0.678, 0.299),
        "XGBoost, chosen on validation": (0.869, 0.687, 0.303),
        "XGBoost, best on test": (0.871, 0.694, 0.304),
        "balanced bagging": (0.879, 0.680, 0.305),
        "feed-forward network": (0.876, 0.675, 0.303),
        "LSTM": (0.876, 0.665, 0.297),
    },
    "validation": {
        "logistic regression": (0.867, 0.613, 0.279),
        "random forest": (0.880, 0.694, 0.289),
        "XGBoost": (0.887, 0.708, 0.289),
    },
}


@dataclass(frozen=True)
class PublishedFold:
    path: Path
    """CSV with TRANSACTION_ID and PART: exactly the payments to assess."""
    train_end_ms: int
    """End of the last training day of the split."""
    assess: Span

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".csv.gz")

    @property
    def delay_days(self) -> int:
        return round((self.assess.from_ms - self.train_end_ms) / 86_400_000)


def read_folds(folder: Path, part: str) -> list[PublishedFold]:
    """The folds that `folds.json` lists for a part. Raises TrainingError if it cannot be read or lists none."""
    path = folder / "folds.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        folds = [
            PublishedFold(
                path=folder / str(entry["file"]),
                train_end_ms=parse_span(entry["train_from"], entry["train_to"]).to_ms,
                assess=parse_span(entry["assess_from"], entry["assess_to"]),
            )
            for entry in entries
            if str(entry["file"]).startswith(f"{part}-")
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} cannot be read as a list of folds: {error!r}.") from error
    if not folds:
        raise TrainingError(f"{path} lists no {part} fold.")
    return sorted(folds, key=lambda fold: fold.name)

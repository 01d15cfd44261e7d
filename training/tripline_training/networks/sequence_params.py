"""Parameters of the sequence model: `sequence-params.json` beside this package, or a file like it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from tripline_training.errors import TrainingError
from tripline_training.params import read_values

DEFAULT_SEQUENCE_PARAMS = Path(__file__).parents[2] / "sequence-params.json"


@dataclass(frozen=True)
class SequenceParams:
    length: int
    """Payments that the model sees: the one to score and those before it."""
    width: int
    """Numbers by which a payment is described to the attention."""
    heads: int
    hidden: int
    """Numbers in the first layer after the attention; half of them in the second."""
    dropout: float
    epochs: int
    """At most; exactly, where there are no days to see when to stop."""
    patience: int
    """Epochs without a better average precision on the held-out days, after which it stops."""
    batch_rows: int
    learning_rate: float
    learning_rate_decay: float
    """Factor by epoch."""
    weight_decay: float
    genuine_share: float
    """Share of the genuine payments to learn from, each with so much more weight. Frauds are never left out."""
    fraud_weight: float
    """How much more a fraud counts than a genuine payment; the calibration takes it out of the probabilities."""

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


# From and to, both included.
LIMITS: dict[str, tuple[float, float]] = {
    "length": (2, 64),
    "width": (4, 512),
    "heads": (1, 16),
    "hidden": (4, 2048),
    "dropout": (0, 0.9),
    "epochs": (1, 1000),
    "patience": (1, 1000),
    "batch_rows": (16, 65_536),
    "learning_rate": (1e-6, 1),
    "learning_rate_decay": (0.01, 1),
    "weight_decay": (0, 1),
    "genuine_share": (0.01, 1),
    "fraud_weight": (1, 1000),
}
WHOLE = ("length", "width", "heads", "hidden", "epochs", "patience", "batch_rows")


def read_sequence_params(path: Path) -> SequenceParams:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of its limits."""
    params = SequenceParams(**read_values(path, LIMITS, WHOLE))
    if params.width % params.heads:
        raise TrainingError(f"{path}: width must be a multiple of heads, so that every head sees as much.")
    return params

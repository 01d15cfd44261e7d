"""Training parameters of networks."""

from dataclasses import asdict, dataclass
from pathlib import Path

from tripline_training.trees.params import read_values

DEFAULT_TORCH_PARAMS = Path(__file__).parents[2] / "torch-params.json"


@dataclass(frozen=True)
class NetworkParams:
    hidden: int
    """Number of units in the first layer; the second has half as many."""
    dropout: float
    epochs: int
    """The maximum, or the exact number if there are no held-out days to determine when to stop."""
    patience: int
    """Training stops after this many epochs without a better average precision on the held-out days."""
    batch_rows: int
    learning_rate: float
    genuine_share: float
    """Share of the genuine payments to train on, weighted up accordingly. Frauds are never omitted."""

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


# Minimum and maximum, both inclusive.
NETWORK_LIMITS: dict[str, tuple[float, float]] = {
    "hidden": (4, 2048),
    "dropout": (0, 0.9),
    "epochs": (1, 1000),
    "patience": (1, 1000),
    "batch_rows": (16, 65_536),
    "learning_rate": (1e-6, 1),
    "genuine_share": (0.01, 1),
}
NETWORK_WHOLE = ("hidden", "epochs", "patience", "batch_rows")


@dataclass(frozen=True)
class TorchParams(NetworkParams):
    learning_rate_decay: float
    """Factor by which the learning rate changes per epoch."""
    weight_decay: float
    fraud_weight: float
    """Weight of a fraud relative to a genuine payment; calibration removes its effect on the probabilities."""


TORCH_LIMITS: dict[str, tuple[float, float]] = {
    **NETWORK_LIMITS,
    "learning_rate_decay": (0.01, 1),
    "weight_decay": (0, 1),
    "fraud_weight": (1, 1000),
}


def read_torch_params(path: Path) -> TorchParams:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of range."""
    return TorchParams(**read_values(path, TORCH_LIMITS, NETWORK_WHOLE))

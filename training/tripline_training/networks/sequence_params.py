"""Parameters of the sequence model: `sequence-params.json` beside this package, or a file like it."""

from dataclasses import dataclass
from pathlib import Path

from tripline_training.errors import TrainingError
from tripline_training.networks.network_params import NETWORK_WHOLE, TORCH_LIMITS, TorchParams
from tripline_training.trees.params import read_values

DEFAULT_SEQUENCE_PARAMS = Path(__file__).parents[2] / "sequence-params.json"


@dataclass(frozen=True)
class SequenceParams(TorchParams):
    length: int
    """Payments that the model sees: the one to score and those before it."""
    width: int
    """Numbers by which a payment is described to the attention."""
    heads: int


# From and to, both included.
LIMITS: dict[str, tuple[float, float]] = {
    **TORCH_LIMITS,
    "length": (2, 64),
    "width": (4, 512),
    "heads": (1, 16),
}
WHOLE = (*NETWORK_WHOLE, "length", "width", "heads")


def read_sequence_params(path: Path) -> SequenceParams:
    """Raises TrainingError that names the first parameter that is missing, unknown or out of its limits."""
    params = SequenceParams(**read_values(path, LIMITS, WHOLE))
    if params.width % params.heads:
        raise TrainingError(f"{path}: width must be a multiple of heads, so that every head sees as much.")
    return params

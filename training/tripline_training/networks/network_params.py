"""Parameters that every network is trained by, whatever it is made of."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class NetworkParams:
    hidden: int
    """Numbers in the first layer after what is the network's own; half of them in the second."""
    dropout: float
    epochs: int
    """At most; exactly, where there are no days to see when to stop."""
    patience: int
    """Epochs without a better average precision on the held-out days, after which it stops."""
    batch_rows: int
    learning_rate: float
    genuine_share: float
    """Share of the genuine payments to learn from, each with so much more weight. Frauds are never left out."""

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


# From and to, both included.
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

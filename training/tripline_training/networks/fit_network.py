"""Trains a PyTorch network: the same payments, parameters, seed and number of threads give the same weights."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from tripline_training.networks.card_history import NONE, Payments
from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.scaled_network import ScaledNetwork
from tripline_training.networks.scaler import Scaler, fit_scaler
from tripline_training.networks.sequence_network import SequenceNetwork
from tripline_training.networks.sequence_params import SequenceParams
from tripline_training.networks.vector_network import VectorNetwork
from tripline_training.trees.fit_trees import sample_genuine

MARGIN_ROWS = 8_192
GRADIENT_NORM_MAX = 1.0


@dataclass(frozen=True)
class Source:
    """What a model is trained on and measured on: all payments and, for the sequence model, what came before each."""

    payments: Payments
    history: NDArray[np.int64] | None = None
    """As `earlier_payments` gives it."""


@dataclass(frozen=True)
class Setting:
    """What a training depends on besides its payments."""

    params: TorchParams
    """SequenceParams for the sequence model, which needs a history; others for a network on the feature vector."""
    seed: int
    device: torch.device


@dataclass(frozen=True)
class Fitted:
    network: ScaledNetwork
    epochs: int
    """How many it was trained for."""
    held_ap: float | None
    """Average precision on the held-out days; None where there were none."""


def prepare_torch(jobs: int) -> torch.device:
    """The graphics card where PyTorch sees one, or else the CPU; only such algorithms as give the same result again."""
    torch.set_num_threads(jobs)
    # cuBLAS is deterministic only with a workspace of a fixed size, which it reads before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit_network(
    source: Source,
    learn: NDArray[np.int64],
    held: NDArray[np.int64] | None,
    setting: Setting,
    epochs: int | None = None,
) -> Fitted:
    """Learns from the payments at the positions `learn`.

    With `held` it stops when average precision there has not risen for `patience` epochs, and the weights are those of
    the best one. Otherwise it learns for `epochs`, or as many as the parameters say.
    """
    params = setting.params
    torch.manual_seed(setting.seed)
    rows = source.payments.rows
    network = _new_network(fit_scaler(rows.features[learn]), params).to(setting.device)
    fraud = rows.fraud[learn]
    network.begin_at(float(fraud.mean()))
    chosen, weights = sample_genuine(fraud, params.genuine_share, setting.seed)
    weights = np.ones(len(chosen)) if weights is None else weights
    weights = np.where(fraud[chosen] == 1, weights * params.fraud_weight, weights).astype(np.float32)
    training = _Training(network, source, setting)
    best: tuple[float, int, dict[str, Tensor]] | None = None
    trained = 0
    for _ in training.epochs(learn[chosen], weights, epochs or params.epochs):
        trained += 1
        if held is None:
            continue
        precision = training.average_precision(held)
        if best is None or precision > best[0]:
            best = (precision, trained, {name: value.clone() for name, value in network.state_dict().items()})
        elif trained - best[1] >= params.patience:
            break
    network.eval()
    if best is None:
        return Fitted(network.cpu(), trained, None)
    network.load_state_dict(best[2])
    return Fitted(network.cpu(), best[1], best[0])


def _new_network(scaler: Scaler, params: TorchParams) -> ScaledNetwork:
    return SequenceNetwork(scaler, params) if isinstance(params, SequenceParams) else VectorNetwork(scaler, params)


def margins_of_network(network: ScaledNetwork, source: Source, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log odds before the calibration, on the CPU."""
    scaled = _scale_all(network, source.payments.rows.features, torch.device("cpu"))
    return _margins(network, source, scaled, positions)


class _Training:
    """A network on its way, and the payments as it sees them."""

    def __init__(self, network: ScaledNetwork, source: Source, setting: Setting) -> None:
        self.network = network
        self.source = source
        self.setting = setting
        self.scaled = _scale_all(network, source.payments.rows.features, setting.device)

    def epochs(self, positions: NDArray[np.int64], weights: NDArray[np.float32], count: int) -> Iterator[None]:
        """Trains for one epoch after the other, and gives the word back after each."""
        params, device = self.setting.params, self.setting.device
        random = np.random.default_rng(self.setting.seed)
        truth = torch.from_numpy(self.source.payments.rows.fraud[positions].astype(np.float32)).to(device)
        weight = torch.from_numpy(weights).to(device)
        optimizer = torch.optim.AdamW(self.network.parameters(), params.learning_rate, weight_decay=params.weight_decay)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, params.learning_rate_decay)
        for _ in range(count):
            self.network.train()
            order = random.permutation(len(positions))
            for start in range(0, len(order), params.batch_rows):
                batch = order[start : start + params.batch_rows]
                margins = self.network.margins(*_batch(self.source, self.scaled, positions[batch]))[:, 0]
                there = torch.from_numpy(batch).to(device)
                losses = nn.functional.binary_cross_entropy_with_logits(margins, truth[there], reduction="none")
                optimizer.zero_grad(set_to_none=True)
                (losses * weight[there]).sum().div(weight[there].sum()).backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM_MAX)
                optimizer.step()
            schedule.step()
            yield

    def average_precision(self, positions: NDArray[np.int64]) -> float:
        self.network.eval()
        margins = _margins(self.network, self.source, self.scaled, positions)
        return float(average_precision_score(self.source.payments.rows.fraud[positions], margins))


def _margins(
    network: ScaledNetwork, source: Source, scaled: Tensor, positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    parts = []
    with torch.no_grad():
        for start in range(0, len(positions), MARGIN_ROWS):
            margins = network.margins(*_batch(source, scaled, positions[start : start + MARGIN_ROWS]))
            parts.append(margins[:, 0].cpu().numpy().astype(np.float64))
    return np.concatenate(parts) if parts else np.zeros(0)


def _scale_all(network: ScaledNetwork, features: NDArray[np.float32], device: torch.device) -> Tensor:
    """All payments as the network sees them: scaled once, and not in each of the sequences that they are part of."""
    with torch.no_grad():
        parts = [
            network.scale(torch.from_numpy(features[start : start + MARGIN_ROWS]).to(device))
            for start in range(0, len(features), MARGIN_ROWS)
        ]
    return torch.cat(parts)


def _batch(source: Source, scaled: Tensor, positions: NDArray[np.int64]) -> tuple[Tensor, ...]:
    there = torch.from_numpy(positions).to(scaled.device)
    if source.history is None:
        return (scaled[there],)
    back = source.history[positions]
    earlier = torch.from_numpy(np.maximum(back, 0)).to(scaled.device)
    present = torch.from_numpy((back != NONE).astype(np.float32)).to(scaled.device)
    return scaled[there], scaled[earlier], present

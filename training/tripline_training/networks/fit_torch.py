"""Trains a PyTorch network. The same rows, parameters, seed and number of threads always produce the same weights."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from tripline_training.data.dataset import Rows
from tripline_training.data.sampling import sample_weighted
from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.scaler import fit_scaler
from tripline_training.networks.torch_network import TorchNetwork
from tripline_training.trees.calibration import fit_platt
from tripline_training.trees.fit_calibrated import (
    NOT_CALIBRATED,
    Calibration,
    days_to_hold_out,
    select_rows,
    split_rows,
)

PART_ROWS = 8_192
GRADIENT_NORM_MAX = 1.0


@dataclass(frozen=True)
class Setting:
    """Everything on which a training run depends, apart from its rows."""

    params: TorchParams
    seed: int
    device: torch.device


@dataclass(frozen=True)
class FittedTorch:
    network: TorchNetwork
    """The network in evaluation mode, on the CPU."""
    epochs: int
    """Number of training epochs."""
    held_ap: float | None = None
    """Average precision on the held-out days; None if there were none."""
    calibration: Calibration = NOT_CALIBRATED


def prepare_torch(jobs: int) -> torch.device:
    """The GPU if PyTorch finds one, otherwise the CPU. Allows only deterministic algorithms."""
    torch.set_num_threads(jobs)
    # cuBLAS is deterministic only with a workspace of fixed size, which it reads before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit_calibrated_torch(rows: Rows, setting: Setting, delay_ms: int) -> FittedTorch:
    """Trains twice, as for the trees: first without the last days, which determine when to stop and how to calibrate.

    The second run uses all rows for the same number of epochs. If too few days can be held out, the network is trained
    for the number of epochs in the parameters, and is not calibrated.
    """
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        return fit_torch(rows, None, setting)
    earlier, held = (select_rows(rows, part) for part in split_rows(rows, delay_ms, days))
    trial = fit_torch(earlier, held, setting)
    platt = fit_platt(margins_of_torch(trial.network, held.features), held.fraud, held.weights)
    final = fit_torch(rows, None, setting, epochs=trial.epochs)
    final.network.calibrate(platt)
    return replace(final, held_ap=trial.held_ap, calibration=Calibration("platt", days))


def fit_torch(rows: Rows, held: Rows | None, setting: Setting, epochs: int | None = None) -> FittedTorch:
    """Trains without calibration.

    With `held`, training stops when average precision on those rows has not risen for `patience` epochs, and the best
    weights are kept. Otherwise, it runs for `epochs`, or for the number of epochs in the parameters.
    """
    params = setting.params
    torch.manual_seed(setting.seed)
    network = TorchNetwork(fit_scaler(rows.features), params, float(rows.fraud.mean())).to(setting.device)
    best: tuple[float, int, dict[str, Tensor]] | None = None
    trained = 0
    for _ in _train_epochs(network, rows, setting, epochs or params.epochs):
        trained += 1
        if held is None:
            continue
        margins = margins_of_torch(network, held.features)
        precision = float(average_precision_score(held.fraud, margins, sample_weight=held.weights))
        if best is None or precision > best[0]:
            best = (precision, trained, {name: value.clone() for name, value in network.state_dict().items()})
        elif trained - best[1] >= params.patience:
            break
    network.eval()
    if best is None:
        return FittedTorch(network.cpu(), trained)
    network.load_state_dict(best[2])
    return FittedTorch(network.cpu(), best[1], best[0])


def margins_of_torch(network: TorchNetwork, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log odds before calibration."""
    network.eval()
    given = torch.from_numpy(features).to(network.slope.device)
    margins = _by_parts(lambda part: network.decide(network.scale(part)), given)
    return margins[:, 0].cpu().numpy().astype(np.float64)


def _train_epochs(network: TorchNetwork, rows: Rows, setting: Setting, count: int) -> Iterator[None]:
    """Trains one epoch at a time, and yields after each."""
    params, device = setting.params, setting.device
    chosen, weights = sample_weighted(rows.fraud, params.genuine_share, setting.seed)
    fraud = rows.fraud[chosen]
    weights = np.where(fraud == 1, weights * params.fraud_weight, weights)
    weights = weights if rows.explored is None else weights * rows.explored[chosen]
    truth, weight = (torch.from_numpy(values.astype(np.float32)).to(device) for values in (fraud, weights))
    # Scaled once, instead of in every epoch.
    scaled = _by_parts(network.scale, torch.from_numpy(rows.features[chosen]).to(device))
    random = np.random.default_rng(setting.seed)
    optimizer = torch.optim.AdamW(network.parameters(), params.learning_rate, weight_decay=params.weight_decay)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, params.learning_rate_decay)
    for _ in range(count):
        network.train()
        order = torch.from_numpy(random.permutation(len(chosen))).to(device)
        for batch in order.split(params.batch_rows):
            margins = network.decide(scaled[batch])[:, 0]
            losses = nn.functional.binary_cross_entropy_with_logits(margins, truth[batch], reduction="none")
            optimizer.zero_grad(set_to_none=True)
            (losses * weight[batch]).sum().div(weight[batch].sum()).backward()
            nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_MAX)
            optimizer.step()
        schedule.step()
        yield


def _by_parts(compute: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """The margins of all rows, without gradients. They are computed in parts to limit memory use."""
    with torch.no_grad():
        return torch.cat([compute(part) for part in rows.split(PART_ROWS)])

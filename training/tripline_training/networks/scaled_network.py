"""What every PyTorch network here has: it scales its features itself, and its probabilities are calibrated."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.scaler import Scaler
from tripline_training.trees.calibration import Platt

DEVIATIONS_MAX = 10.0
"""Further from the mean, a value is taken for this far: nothing like it was learnt from."""
SHARE_MIN = 1e-6


class ScaledNetwork(nn.Module):
    """From float32 [rows, columns] to the probability of fraud, float32 [rows, 1]."""

    decide: nn.Sequential

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        self.features = len(scaler.mean)
        for name in ("logarithm", "mean", "factor"):
            self.register_buffer(name, torch.from_numpy(getattr(scaler, name)))
        self.register_buffer("slope", torch.ones(1))
        self.register_buffer("intercept", torch.zeros(1))

    def begin_at(self, fraud_share: float) -> None:
        """Before it has learnt anything every payment is as likely fraud as any."""
        share = min(max(fraud_share, SHARE_MIN), 1 - SHARE_MIN)
        last = self.decide[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, math.log(share / (1 - share)))

    def calibrate(self, platt: Platt) -> None:
        """From now on the probabilities are those of the calibrated margins."""
        self.slope.fill_(platt.slope)
        self.intercept.fill_(platt.intercept)

    def scale(self, features: Tensor) -> Tensor:
        logarithms = torch.sign(features) * torch.log(torch.abs(features) + 1.0)
        values = self.logarithm * logarithms + (1.0 - self.logarithm) * features
        return torch.clamp((values - self.mean) * self.factor, -DEVIATIONS_MAX, DEVIATIONS_MAX)

    def probability(self, margins: Tensor) -> Tensor:
        return torch.sigmoid(self.slope * margins + self.intercept)

    @abstractmethod
    def margins(self, now: Tensor, *history: Tensor) -> Tensor:
        """Log odds before the calibration, [rows, 1], from scaled features [rows, features] and what came before."""


def three_layers(width: int, params: TorchParams) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, params.hidden),
        nn.ReLU(),
        nn.Dropout(params.dropout),
        nn.Linear(params.hidden, params.hidden // 2),
        nn.ReLU(),
        nn.Dropout(params.dropout),
        nn.Linear(params.hidden // 2, 1),
    )

"""A three-layer network in PyTorch that scales its features itself and returns calibrated probabilities."""

import math

import torch
from torch import Tensor, nn

from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.scaler import DEVIATIONS_MAX, Scaler
from tripline_training.trees.calibration import Platt

SHARE_MIN = 1e-6


class TorchNetwork(nn.Module):
    """From float32 [rows, features] to the probability of fraud, float32 [rows, 1]."""

    def __init__(self, scaler: Scaler, params: TorchParams, fraud_share: float) -> None:
        """Before training, the probability of each payment is the share of fraud."""
        super().__init__()
        for name in ("logarithm", "mean", "factor"):
            self.register_buffer(name, torch.from_numpy(getattr(scaler, name)))
        self.register_buffer("slope", torch.ones(1))
        self.register_buffer("intercept", torch.zeros(1))
        first = nn.Linear(len(scaler.mean), params.hidden)
        second = nn.Linear(params.hidden, params.hidden // 2)
        last = nn.Linear(params.hidden // 2, 1)
        share = min(max(fraud_share, SHARE_MIN), 1 - SHARE_MIN)
        nn.init.constant_(last.bias, math.log(share / (1 - share)))
        self.decide = nn.Sequential(
            *(first, nn.ReLU(), nn.Dropout(params.dropout)),
            *(second, nn.ReLU(), nn.Dropout(params.dropout)),
            last,
        )

    def calibrate(self, platt: Platt) -> None:
        """Calibrates the margins, and therefore the probabilities."""
        self.slope.fill_(platt.slope)
        self.intercept.fill_(platt.intercept)

    def scale(self, features: Tensor) -> Tensor:
        logarithms = torch.sign(features) * torch.log(torch.abs(features) + 1.0)
        values = self.logarithm * logarithms + (1.0 - self.logarithm) * features
        return torch.clamp((values - self.mean) * self.factor, -DEVIATIONS_MAX, DEVIATIONS_MAX)

    def forward(self, features: Tensor) -> Tensor:
        return torch.sigmoid(self.slope * self.decide(self.scale(features)) + self.intercept)

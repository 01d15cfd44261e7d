"""The sequence model: what a payment is, in the light of its card's last payments.

A transformer block of which only the newest payment's row is computed: the payment asks, and itself and the earlier
ones answer (Vaswani et al., https://arxiv.org/abs/1706.03762). What comes of it and the payment's own features go
through a network of three layers. Scaling, the mask of payments that are not there and the calibration are part of the
graph, so that a client gives features as they are.
"""

import math

import torch
from torch import Tensor, nn

from tripline_training.networks.scaler import Scaler
from tripline_training.networks.sequence_params import SequenceParams
from tripline_training.trees.calibration import Platt

DEVIATIONS_MAX = 10.0
"""Further from the mean, a value is taken for this far: nothing like it was learnt from."""
SHARE_MIN = 1e-6
PRESENT_MIN = 1e-30
"""A payment is looked at as far as it is there: so little is lost among 7 digits, and has a logarithm."""


class SequenceNetwork(nn.Module):
    """From float32 [rows, columns] as `sequence_names` has them to the probability of fraud, float32 [rows, 1]."""

    def __init__(self, scaler: Scaler, params: SequenceParams) -> None:
        super().__init__()
        self.features = len(scaler.mean)
        self.length = params.length
        self.heads = params.heads
        self.head_width = params.width // params.heads
        for name in ("logarithm", "mean", "factor"):
            self.register_buffer(name, torch.from_numpy(getattr(scaler, name)))
        self.register_buffer("slope", torch.ones(1))
        self.register_buffer("intercept", torch.zeros(1))
        self.describe = nn.Linear(self.features, params.width)
        self.place = nn.Parameter(torch.zeros(params.length, params.width))
        self.ask = nn.Linear(params.width, params.width)
        self.answer = nn.Linear(params.width, 2 * params.width)
        self.norm = nn.LayerNorm(params.width)
        self.decide = nn.Sequential(
            nn.Linear(self.features + params.width, params.hidden),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.hidden, params.hidden // 2),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.hidden // 2, 1),
        )

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

    def forward(self, columns: Tensor) -> Tensor:
        now = self.scale(columns[:, : self.features])
        blocks = columns[:, self.features :].reshape(-1, self.length - 1, self.features + 1)
        margins = self.margins(now, self.scale(blocks[:, :, : self.features]), blocks[:, :, self.features])
        return torch.sigmoid(self.slope * margins + self.intercept)

    def scale(self, features: Tensor) -> Tensor:
        logarithms = torch.sign(features) * torch.log(torch.abs(features) + 1.0)
        values = self.logarithm * logarithms + (1.0 - self.logarithm) * features
        return torch.clamp((values - self.mean) * self.factor, -DEVIATIONS_MAX, DEVIATIONS_MAX)

    def margins(self, now: Tensor, earlier: Tensor, present: Tensor) -> Tensor:
        """Log odds before the calibration, [rows, 1].

        Scaled features of the payments, [rows, features], of those before, [rows, length - 1, features], and whether
        these are there, [rows, length - 1].
        """
        payments = torch.cat([now.unsqueeze(1), earlier], dim=1)
        described = torch.relu(self.describe(payments)) + self.place
        newest = described[:, 0]
        seen = self.norm(newest + self._attend(newest, described, present))
        return self.decide(torch.cat([now, seen], dim=1))

    def _attend(self, newest: Tensor, described: Tensor, present: Tensor) -> Tensor:
        width = self.heads * self.head_width
        question = self.ask(newest).reshape(-1, self.heads, 1, self.head_width)
        keys, values = self.answer(described).split(width, dim=2)
        keys = keys.reshape(-1, self.length, self.heads, self.head_width).permute(0, 2, 3, 1)
        values = values.reshape(-1, self.length, self.heads, self.head_width).permute(0, 2, 1, 3)
        there = torch.cat([torch.ones_like(present[:, :1]), torch.clamp(present, PRESENT_MIN, 1.0)], dim=1)
        looks = question @ keys / math.sqrt(self.head_width) + torch.log(there)[:, None, None, :]
        return (torch.softmax(looks, dim=3) @ values).reshape(-1, width)

"""The sequence model: what a payment is, in the light of its card's last payments.

A transformer block of which only the newest payment's row is computed: the payment asks, and itself and the earlier
ones answer (Vaswani et al., https://arxiv.org/abs/1706.03762). What comes of it and the payment's own features go
through a network of three layers. Scaling, the mask of payments that are not there and the calibration are part of the
graph, so that a client gives features as they are.
"""

import math

import torch
from torch import Tensor, nn

from tripline_training.networks.scaled_network import ScaledNetwork, three_layers
from tripline_training.networks.scaler import Scaler
from tripline_training.networks.sequence_params import SequenceParams

PRESENT_MIN = 1e-30
"""A payment is looked at as far as it is there: so little is lost among 7 digits, and has a logarithm."""


class SequenceNetwork(ScaledNetwork):
    """Its columns are as `sequence_names` has them."""

    def __init__(self, scaler: Scaler, params: SequenceParams) -> None:
        super().__init__(scaler)
        self.length = params.length
        self.heads = params.heads
        self.head_width = params.width // params.heads
        self.describe = nn.Linear(self.features, params.width)
        self.place = nn.Parameter(torch.zeros(params.length, params.width))
        self.ask = nn.Linear(params.width, params.width)
        self.answer = nn.Linear(params.width, 2 * params.width)
        self.norm = nn.LayerNorm(params.width)
        self.decide = three_layers(self.features + params.width, params)

    def forward(self, columns: Tensor) -> Tensor:
        now = self.scale(columns[:, : self.features])
        blocks = columns[:, self.features :].reshape(-1, self.length - 1, self.features + 1)
        earlier = self.scale(blocks[:, :, : self.features])
        return self.probability(self.margins(now, earlier, blocks[:, :, self.features]))

    def margins(self, now: Tensor, *history: Tensor) -> Tensor:
        """`history`: scaled features of the payments before, [rows, length - 1, features], and whether they are there,
        [rows, length - 1].
        """
        earlier, present = history
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

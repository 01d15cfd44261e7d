"""A network of three layers on the feature vector."""

from torch import Tensor

from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.scaled_network import ScaledNetwork, three_layers
from tripline_training.networks.scaler import Scaler


class VectorNetwork(ScaledNetwork):
    """Its columns are the features of the spec."""

    def __init__(self, scaler: Scaler, params: TorchParams) -> None:
        super().__init__(scaler)
        self.decide = three_layers(self.features, params)

    def forward(self, columns: Tensor) -> Tensor:
        return self.probability(self.margins(self.scale(columns)))

    def margins(self, now: Tensor, *history: Tensor) -> Tensor:
        return self.decide(now)

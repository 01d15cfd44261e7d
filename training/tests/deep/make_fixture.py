"""Trains the small PyTorch model for the tests of scoring, into apps/scoring/test-models/networks/generated.

From the folder training, in the environment `deep`: python -m tests.deep.make_fixture
"""

import tempfile
from pathlib import Path

from tests.deep.test_torch_network import arguments
from tripline_training.errors import run_command
from tripline_training.networks import train_torch

NETWORKS = Path(__file__).resolve().parents[3] / "apps" / "scoring" / "test-models" / "networks" / "generated"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        train_torch.main(arguments(Path(folder), NETWORKS))


if __name__ == "__main__":
    run_command(main)

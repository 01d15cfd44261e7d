"""Trains the small Keras model for the tests of scoring, into apps/scoring/test-models/networks/generated.

From the folder training, in the environment `keras`: python -m tests.keras.make_fixture
"""

import tempfile
from pathlib import Path

from tests.keras.test_keras_model import arguments
from tripline_training import train_keras
from tripline_training.errors import run_command

NETWORKS = Path(__file__).resolve().parents[3] / "apps" / "scoring" / "test-models" / "networks" / "generated"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        train_keras.main(arguments(Path(folder), NETWORKS))


if __name__ == "__main__":
    run_command(main)

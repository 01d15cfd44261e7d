"""Trains the small PyTorch models that the tests of scoring serve, into apps/scoring/test-models/networks/generated.

From the folder training, in the environment `deep`: python -m tests.deep.make_fixture
"""

import tempfile
from pathlib import Path

from tests.conftest import SPEC, write_parquet
from tests.deep.conftest import DAYS, PARAMS, payments_with_history
from tests.deep.test_torch_network import arguments
from tripline_training import train_sequence
from tripline_training.errors import run_command
from tripline_training.networks import train_torch

NETWORKS = Path(__file__).resolve().parents[3] / "apps" / "scoring" / "test-models" / "networks" / "generated"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spec, params = Path(folder) / "feature-spec.yaml", Path(folder) / "params.json"
        spec.write_text(SPEC, encoding="utf-8")
        params.write_text(PARAMS, encoding="utf-8")
        features = write_parquet(Path(folder) / "features.parquet", payments_with_history())
        given = ["--features", str(features), "--feature-spec", str(spec), "--params", str(params)]
        where = ["--registry", NETWORKS.as_uri(), "--name", "fraud-sequence", "--alias", "candidate"]
        train_sequence.main([*given, *where, *DAYS])
        train_torch.main(arguments(Path(folder), NETWORKS))


if __name__ == "__main__":
    run_command(main)

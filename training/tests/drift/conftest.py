"""A simulated system whose payments, features and labels are in a lake, as the archive service writes them."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"
MAIN = ROOT / "apps" / "cli" / "dist" / "main.js"
SPEC = ROOT / "packages" / "contracts" / "feature-spec.yaml"
TENANT = "demo"

SIMULATE = """
import {{ writeHistory }} from "{root}/packages/backfill/dist/input/write-history.js";
const untilMs = Date.parse("{until}");
await writeHistory({{
  simulation: {{ seed: 1, cards: {cards}, terminals: {terminals}, startMs: untilMs - {days} * 86_400_000 }},
  untilMs, tenant: "demo", cardTokenKey: Buffer.alloc(32, 7), path: "{path}",
}});
"""
WRITE_LAKE = """
import {{ currentFeatureSpec }} from "{root}/packages/contracts/dist/feature-spec.js";
import {{ writeTestLake }} from "{root}/packages/backfill/dist/testing/lake.js";
await writeTestLake({{
  lake: "{lake}", spec: currentFeatureSpec(), tenant: "demo", payments: "{payments}", features: "{features}", {changes}
}});
"""


def run_node(*arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(NODE), *arguments], check=False, timeout=600, capture_output=True, text=True)
    assert done.returncode in codes, done.stdout + done.stderr
    return done


def tripline(*arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    return run_node(str(MAIN), *arguments, codes=codes)


@dataclass(frozen=True)
class History:
    folder: Path
    payments: Path
    features: Path

    def lake(self, name: str, changes: str = "") -> Path:
        """Writes its lake; `changes` are options of writeTestLake, such as SQL that replaces a label."""
        lake = self.folder / name
        script = WRITE_LAKE.format(
            root=ROOT, lake=lake, payments=self.payments, features=self.features, changes=changes
        )
        run_node("--input-type=module", "--eval", script)
        return lake


MakeHistory = Callable[..., History]


@pytest.fixture(scope="session")
def make_history(tmp_path_factory: pytest.TempPathFactory) -> MakeHistory:
    def make(cards: int, terminals: int, days: int, until: str) -> History:
        folder = tmp_path_factory.mktemp("history")
        payments, features = folder / "payments.parquet", folder / "features.parquet"
        script = SIMULATE.format(root=ROOT, until=until, cards=cards, terminals=terminals, days=days, path=payments)
        run_node("--input-type=module", "--eval", script)
        tripline("backfill", "--input", str(payments), "--output", str(features))
        return History(folder, payments, features)

    return make

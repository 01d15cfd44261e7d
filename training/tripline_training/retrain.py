"""Trains on the current lake, compares with the champion, and registers a challenger if it is better.

python -m tripline_training.retrain --features features.parquet --feature-spec feature-spec.yaml --cutoff 2026-03-01 \\
    --registry file:///models --name fraud --work work

Can be killed at any moment: run again with the same work folder, it resumes and gives the same model. The last line is
`retrain: registered=...` or `retrain: kept champion because ...`. Exit code 0: decided; 2: the data was rejected; 3:
too early, because there is too little data yet.
"""

import argparse
import fcntl
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tripline_training.check_data import add_feature_auc_max
from tripline_training.data.dataset import add_memory_rows_max, parse_moment_ms
from tripline_training.errors import TOO_EARLY_EXIT_CODE, TooEarlyError, TrainingError, run_command
from tripline_training.registry.write import TEMPORARY_PREFIX, write_file
from tripline_training.retraining.challenge import DATA_EXIT_CODE, Outcome, challenge
from tripline_training.retraining.compare_money import MoneyOptions
from tripline_training.retraining.prepare import Options
from tripline_training.selection.constant_online import add_constant_online
from tripline_training.trees.params import DEFAULT_PARAMS
from tripline_training.trees.publish_trees import file_sha256

RESULT_FILE = "result.json"
LOCK_FILE = "lock"
TEMPORARY_FOLDER = "temporary"
LOCK_SECONDS_MAX = 3_600
LOCK_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Command:
    options: Options
    work: Path


def retrain(command: Command) -> Outcome:
    """The outcome, read from the work folder if the same data was already decided by the same rules."""
    command.work.mkdir(parents=True, exist_ok=True)
    with _alone(command.work / LOCK_FILE):
        options = command.options.with_candidate_version()
        identity = _identity(options)
        result = command.work / RESULT_FILE
        known = _known_outcome(result, identity)
        if known is not None:
            print("retrain: a result for the same data already exists", flush=True)
            return known
        with _temporary_files_in(command.work / TEMPORARY_FOLDER):
            outcome = challenge(options, command.work)
        write_file(result, (json.dumps({"identity": identity, **outcome.as_json()}) + "\n").encode())
        # This includes files that a killed run left unfinished. No other run writes here while this one holds the lock.
        for pattern in ("fit-*.ubj", f"{TEMPORARY_PREFIX}*"):
            for left in command.work.glob(pattern):
                left.unlink()
    return outcome


def _identity(options: Options) -> str:
    """Everything on which an outcome depends."""
    entries = {**options.as_json(), "champion": options.champion_version()}
    entries |= {name: file_sha256(path) for name, path in options.files().items()}
    return json.dumps(entries, sort_keys=True)


def _known_outcome(path: Path, identity: str) -> Outcome | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Outcome.from_json(record) if record.pop("identity") == identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # The outcome is missing or incomplete, so it is computed again.


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """For rows that do not fit into memory, because the usual folder may be small or a RAM disk.

    First deletes the files of a killed retraining.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Waits while another process works in this folder. If a process dies, the system releases its lock."""
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    sentence = f"Another retraining has been using {path} for an hour: stop it and try again."
                    raise TrainingError(sentence) from None
                time.sleep(LOCK_LOOK_SECONDS)
        yield


def parse_command(arguments: list[str] | None = None) -> Command:
    parser = argparse.ArgumentParser(prog="tripline_training.retrain", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="payments as written by tripline retrain")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--cutoff", required=True, help="labels that arrived later are not used: date or RFC 3339")
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///... or mlflow+http://...")
    parser.add_argument("--name", default="fraud", help="name of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and the outcome")
    parser.add_argument("--params", type=Path, default=DEFAULT_PARAMS, help="parameters of the trees")
    parser.add_argument(
        "--rules", type=Path, default=DEFAULT_PARAMS, help="file whose `retrain` defines when a model is better"
    )
    parser.add_argument(
        "--trust-weeks", action="store_true", help="accept rejected weeks, after a user has reviewed them"
    )
    add_feature_auc_max(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of threads; a different number may produce a different model"
    )
    parser.add_argument(
        "--drift-from",
        help="start of the drift, date or RFC 3339: earlier days may get less weight, and a better model "
        "is also trained on the newest weeks",
    )
    add_memory_rows_max(parser)
    add_constant_online(parser)
    parser.add_argument("--candidate", help="compare this registered version instead of training a model")
    parser.add_argument("--commit", help="commit of the code, for the record")
    parser.add_argument("--costs", type=Path, help="YAML with the costs; see evaluation/band_costs.py")
    parser.add_argument("--policy", action="append", default=[], help="[TENANT=]FILE: the policy in force; repeatable")
    parser.add_argument("--payments", type=Path, help="tenant and currency of each payment, for --costs")
    given = parser.parse_args(arguments)
    options = Options(
        features=given.features,
        feature_spec=given.feature_spec,
        cutoff_ms=parse_moment_ms(given.cutoff),
        registry=given.registry,
        name=given.name,
        params=given.params,
        rules=given.rules,
        trust_weeks=given.trust_weeks,
        seed=given.seed,
        jobs=given.jobs,
        commit=given.commit,
        constant_online=given.constant_online,
        feature_auc_max=given.feature_auc_max,
        memory_rows_max=given.memory_rows_max,
        drift_ms=None if given.drift_from is None else parse_moment_ms(given.drift_from),
        candidate=given.candidate,
        money=_money_options(given),
    )
    return Command(options, given.work)


def _money_options(given: argparse.Namespace) -> MoneyOptions | None:
    if given.costs is None:
        return None
    if given.payments is None or not given.policy:
        raise TrainingError("--costs also requires --policy and --payments.")
    named = [text.rpartition("=") for text in given.policy]
    policies = {tenant: Path(path) for tenant, _, path in named}
    return MoneyOptions(given.costs, policies, given.payments, given.features)


def main(arguments: list[str] | None = None) -> int:
    try:
        outcome = retrain(parse_command(arguments))
    except TooEarlyError as error:
        print(f"retrain: kept champion because it is too early: {error}", flush=True)
        return TOO_EARLY_EXIT_CODE
    if outcome.comparison is not None:
        print(f"comparison: {json.dumps(outcome.comparison)}", flush=True)
    print(outcome.line, flush=True)
    return DATA_EXIT_CODE if outcome.data_refused else 0


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()))

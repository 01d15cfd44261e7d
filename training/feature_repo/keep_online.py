"""Keeps Feast's online store up to date with the lake: builds tables and runs `materialize` until it is stopped.

    python keep_online.py --log /var/lib/tripline/lake --data $FEAST_DATA --every 60

`feast apply` runs once at the start, before there are any payments, so that the feature server has its registry. While
the lake contains no payment, each round prints a line that says so. Any other error ends the command.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from build_profiles import build_profiles
from convert_log import convert_log, log_arguments, source_path, windows_view_name
from errors import EmptyLogError, FeatureRepositoryError, run_command
from feature_log import WORK_FOLDER_PREFIX, FeatureLog, open_log
from feature_spec import FeatureSpec, read_feature_spec
from profiles import PROFILES, TERMINAL_PROFILE

if TYPE_CHECKING:
    from feast import FeatureStore

REPOSITORY = Path(__file__).resolve().parent
EVERY_SECONDS_MIN = 1
EVERY_SECONDS_MAX = 86_400

# A payment that reaches the lake later than this is not online until a restart or until a newer payment arrives.
_LATE_MAX = timedelta(hours=1)
# A day's profile is read only when the lake certainly contains the whole day, because Feast's Redis store keeps the
# first of two rows with the same time.
_DAY_SETTLES = timedelta(minutes=15)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sources:
    logs: list[Path]
    data: Path
    """Folder for the source tables, FEAST_DATA."""
    spec: FeatureSpec
    tenant: str | None = None


def apply_repository() -> "FeatureStore":
    """`feast apply` without checking the tables, because they do not exist before the first payment."""
    # Imported late, because Feast takes seconds to import, and an invalid argument should be reported immediately.
    from feast import FeatureStore  # noqa: PLC0415
    from feast.repo_config import load_repo_config  # noqa: PLC0415
    from feast.repo_operations import apply_total  # noqa: PLC0415

    config = load_repo_config(REPOSITORY, REPOSITORY / "feature_store.yaml")
    apply_total(config, REPOSITORY, skip_source_validation=True)
    return FeatureStore(repo_path=str(REPOSITORY))


def refresh(store: "FeatureStore", sources: Sources, since: datetime | None, now: datetime) -> Mapping[str, int]:
    """Rebuilds the tables and materialises everything newer than `since`, which is the `now` of the last round.

    Materialises everything again if Redis has lost the rows of earlier rounds.

    Args:
        since: None at the start, to materialise everything that is still valid.

    Returns:
        Rows of each table.

    Raises:
        EmptyLogError: there is no payment yet.
        FeatureRepositoryError: a log cannot be read.
    """
    with open_log(sources.logs, sources.spec, sources.tenant) as log:
        rows = {**convert_log(log, sources.data), **build_profiles(log, sources.data)}
        if since is not None and _is_lost(store, log, sources, since - _DAY_SETTLES):
            _say("the online store has lost its profiles: everything is materialised again")
            since = None
    windows = [name for entity in sources.spec.entity_keys if (name := windows_view_name(entity)) in rows]
    store.materialize(now - sources.spec.horizon if since is None else since - _LATE_MAX, now, feature_views=windows)
    profiles = [profile.view for profile in PROFILES if profile.view in rows]
    settled = now - _DAY_SETTLES
    beginning = _BEGINNING if since is None else since - _DAY_SETTLES - _LATE_MAX
    store.materialize(beginning, settled, feature_views=profiles)
    return rows


def _is_lost(store: "FeatureStore", log: FeatureLog, sources: Sources, until: datetime) -> bool:
    """Whether the newest earlier terminal profile, which a previous round materialised, is missing."""
    key = sources.spec.entity_keys[TERMINAL_PROFILE.entity]
    table = str(source_path(sources.data, TERMINAL_PROFILE.view))
    newest = log.connection.execute(
        f"SELECT {key} FROM read_parquet(?) WHERE event_timestamp <= ? ORDER BY event_timestamp DESC LIMIT 1",
        [table, until],
    ).fetchone()
    if newest is None:
        return False
    column = TERMINAL_PROFILE.columns[0].name
    found = store.get_online_features([f"{TERMINAL_PROFILE.view}:{column}"], [{key: newest[0]}]).to_dict()
    return found[column] == [None]


def keep_online(store: "FeatureStore", sources: Sources, every_seconds: int) -> None:
    """Runs until the process is stopped. Raises FeatureRepositoryError if a log cannot be read."""
    since: datetime | None = None
    while True:
        now = datetime.now(UTC)
        try:
            rows = refresh(store, sources, since, now)
            since = now
            _say(f"online as of {now:%Y-%m-%dT%H:%M:%SZ}: " + ", ".join(f"{name} {rows[name]}" for name in rows))
        except EmptyLogError as error:
            _say(f"waiting for payments, next attempt in {every_seconds} s: {error}")
        time.sleep(every_seconds)


def remove_leftovers() -> None:
    """Removes the work folders of killed runs; the temporary folder may be a persistent volume."""
    for folder in Path(tempfile.gettempdir()).glob(f"{WORK_FOLDER_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    arguments = log_arguments(__doc__)
    arguments.add_argument("--every", type=int, default=60, help="seconds between two rounds")
    given = arguments.parse_args()
    if not EVERY_SECONDS_MIN <= given.every <= EVERY_SECONDS_MAX:
        limits = f"{EVERY_SECONDS_MIN} to {EVERY_SECONDS_MAX} seconds"
        raise FeatureRepositoryError(f"--every is {given.every}; it must be {limits}.")
    spec = read_feature_spec(given.feature_spec)
    given.data.mkdir(parents=True, exist_ok=True)
    remove_leftovers()
    keep_online(apply_repository(), Sources(given.log, given.data, spec, given.tenant), given.every)


if __name__ == "__main__":
    run_command(main)

"""`tripline load-profiles` against `feast materialize`: the same bytes in the same fields of the same keys."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from feast import FeatureStore
from redis import Redis

from profiles import PROFILES
from tests.conftest import ROOT
from tests.simulated_log import DAY_MS, START_MS

UNTIL_MS = START_MS + 20 * DAY_MS
OTHER_PROJECT = "compared"


def test_writes_the_same_values_as_feast(
    store: FeatureStore, environment: dict[str, str], redis_address: tuple[str, int, int]
) -> None:
    """Uses another project, whose name is the suffix of each key. This checkout must be built."""
    host, port, database = redis_address
    views = [profile.view for profile in PROFILES]
    with Redis(host=host, port=port, db=database) as redis:
        # Earlier tests may have loaded newer rows, which would not be overwritten.
        redis.flushdb()
        store.materialize(_moment(START_MS - 3 * DAY_MS), _moment(UNTIL_MS), feature_views=views)
        _load(environment, redis_address)
        hashes = {key: redis.hgetall(key) for key in list(redis.scan_iter()) if redis.type(key) == b"hash"}
        lives = {key: redis.ttl(key) for key in hashes}
        redis.flushdb()
    mark = OTHER_PROJECT.encode()
    ours = {key.removesuffix(mark): row for key, row in hashes.items() if key.endswith(mark)}
    theirs = {key.removesuffix(b"tripline"): row for key, row in hashes.items() if not key.endswith(mark)}
    assert len(ours) > len(PROFILES)
    assert ours == theirs
    assert max(lives.values()) - min(lives.values()) < 600


def test_an_erased_card_stays_out(
    store: FeatureStore, environment: dict[str, str], redis_address: tuple[str, int, int]
) -> None:
    host, port, database = redis_address
    assert store
    with Redis(host=host, port=port, db=database) as redis:
        redis.flushdb()
        _load(environment, redis_address, "erased: new Set(['card-1'])")
        keys = [key for key in redis.scan_iter() if b"card-" in key]
        redis.flushdb()
    assert any(b"card-2" in key for key in keys)
    assert not any(b"card-1" + OTHER_PROJECT.encode() in key for key in keys)


def _load(environment: dict[str, str], redis_address: tuple[str, int, int], more: str = "") -> None:
    host, port, database = redis_address
    module = (ROOT / "packages" / "backfill" / "dist" / "profiles" / "load-profiles.js").as_uri()
    options = {
        "folder": str(Path(environment["FEAST_DATA"])),
        "redis": f"redis://{host}:{port}/{database}",
        "untilMs": UNTIL_MS,
        "project": OTHER_PROJECT,
    }
    given = f"{{ ...{json.dumps(options)}, {more} }}"
    script = f"import {{ loadProfiles }} from {json.dumps(module)}; await loadProfiles({given});"
    node = str(ROOT / "node_modules" / ".bin" / "node")
    done = subprocess.run([node, "--input-type=module", "--eval", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)

"""Fits trees in parts, so that if a machine is lost, only one part is lost."""

import hashlib
import json
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.registry.write import write_file
from tripline_training.trees.categories import keep_encoding, learn_encoding
from tripline_training.trees.fit_trees import matrix_of, tree_settings
from tripline_training.trees.params import Params

PART_TREES = 25
DIGEST_BYTES = 32


def fit_in_parts(
    rows: Rows,
    params: Params,
    seed: int,
    jobs: int,
    folder: Path,
    *,
    importance: NDArray[np.float64] | None = None,
) -> xgboost.Booster:
    """Like `fit_trees.fit`, but with a checkpoint in `folder` after each part. Resumes from an existing checkpoint.

    `importance` is how much each row counts; by default, all rows count equally.

    The model is always bit-identical, however often the run is interrupted, because every part starts from the bytes of
    the previous part with its own seed, even without an interruption. The random numbers therefore differ from those of
    `fit`.
    """
    path = folder / f"fit-{identity_of(rows, params, seed, jobs, importance=importance)}.ubj"
    booster = _read(path)
    done = 0 if booster is None else booster.num_boosted_rounds()
    encoding = learn_encoding(rows.features, rows.categories)
    matrix = matrix_of(rows, encoding, params, jobs, importance=importance) if done < params.trees else None
    while matrix is not None and done < params.trees:
        settings = tree_settings(params, seed + done, jobs)
        grown = xgboost.train(settings, matrix, min(PART_TREES, params.trees - done), xgb_model=booster)
        _write(path, bytes(keep_encoding(grown, encoding).save_raw("ubj")))
        booster = _read(path)
        assert booster is not None
        done = booster.num_boosted_rounds()
        print(f"fit: trees={done}/{params.trees}", flush=True)
    assert booster is not None
    return booster


def identity_of(
    rows: Rows, params: Params, seed: int, jobs: int, *, importance: NDArray[np.float64] | None = None
) -> str:
    """Everything that determines the trees, so that a checkpoint for other rows or parameters is never continued."""
    digest = hashlib.sha256()
    for values in (rows.features, rows.fraud, *(given for given in (rows.weights, importance) if given is not None)):
        digest.update(np.ascontiguousarray(values).data)
    settings = {"params": params.as_json(), "seed": seed, "jobs": jobs, "part": PART_TREES, "by": xgboost.__version__}
    if rows.mapped:
        settings["on_disk"] = True
    if rows.categories:
        settings["categories"] = list(rows.categories)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _write(path: Path, trees: bytes) -> None:
    """Preceded by their digest, because a file from an object store may belong to another run or be truncated."""
    write_file(path, hashlib.sha256(trees).digest() + trees)


def _read(path: Path) -> xgboost.Booster | None:
    if not path.is_file():
        return None
    data = path.read_bytes()
    digest, trees = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    if hashlib.sha256(trees).digest() != digest:
        print(f"warning: the checkpoint {path.name} is damaged, so training starts again", flush=True)
        return None
    booster = xgboost.Booster()
    booster.load_model(bytearray(trees))
    return booster

"""Categories: features whose value is the code of a text, such as a merchant category code. ADR 59.

A vector's codes are the same for every model. Each model has its own vocabulary: the most frequent codes in the rows to
which its trees were fitted. Trees read the rank of a code instead: the most frequent value has the largest number, the
rarest has 1, all others have 0, and a missing value has -1. The vocabulary is part of the model's bytes: the booster
stores it as an attribute, and the ONNX file as nodes before the trees.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import xgboost
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

MISSING_CODE = 0
MISSING, OTHER = -1, 0
VALUES_MAX = 64
"""Maximum number of category values that a model knows; all others are one value to it."""
ROWS_MIN = 50
"""A value in fewer rows would tell the model more about these rows than about the value itself."""
ATTRIBUTE = "tripline.categories"
TREES_DOMAIN = "ai.onnx.ml"


@dataclass(frozen=True)
class Vocabulary:
    position: int
    """Position of the feature in the vector."""
    codes: tuple[int, ...]
    """The known values, the most frequent first."""
    rows: tuple[int, ...]
    """Number of rows with each of them."""
    other_rows: int
    missing_rows: int

    def pairs(self) -> list[tuple[int, int]]:
        """The keys and their replacements, in ascending order of the keys."""
        known = {code: len(self.codes) - place for place, code in enumerate(self.codes)}
        return sorted({MISSING_CODE: MISSING, **known}.items())


@dataclass(frozen=True)
class Encoding:
    """The vocabularies of a model, in the order of the vector."""

    vocabularies: tuple[Vocabulary, ...] = ()

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same rows if there are no categories, otherwise a copy."""
        if not self.vocabularies:
            return features
        encoded = features.copy()
        for vocabulary in self.vocabularies:
            keys, values = (np.array(column, dtype=np.float32) for column in zip(*vocabulary.pairs(), strict=True))
            given = features[:, vocabulary.position]
            places = np.minimum(np.searchsorted(keys, given), len(keys) - 1)
            encoded[:, vocabulary.position] = np.where(keys[places] == given, values[places], OTHER)
        return encoded

    def edges(self, position: int) -> NDArray[np.float32] | None:
        """The values around which scores change; None for other features."""
        for vocabulary in self.vocabularies:
            if vocabulary.position == position:
                return np.array([key for key, _ in vocabulary.pairs()], dtype=np.float32)
        return None

    def as_facts(self, names: Sequence[str]) -> dict[str, Any]:
        """The vocabularies in the manifest's format, by feature."""
        return {
            names[one.position]: {
                "codes": list(one.codes),
                "rows": list(one.rows),
                "other_rows": one.other_rows,
                "missing_rows": one.missing_rows,
            }
            for one in self.vocabularies
        }


def learn_encoding(features: NDArray[np.float32], categories: Sequence[int]) -> Encoding:
    """The vocabularies of the features at the positions `categories`; features without frequent values have none."""
    return Encoding(tuple(one for one in (_learn(features[:, at], at) for at in categories) if one.codes))


def _learn(values: NDArray[np.float32], position: int) -> Vocabulary:
    codes, counts = np.unique(values, return_counts=True)
    # A stable sort, so that equally frequent values are ordered by code.
    order = np.argsort(-counts, kind="stable")
    known = [at for at in order if codes[at] != MISSING_CODE and counts[at] >= ROWS_MIN][:VALUES_MAX]
    missing = int(counts[codes == MISSING_CODE].sum())
    rows = tuple(int(counts[at]) for at in known)
    return Vocabulary(position, tuple(int(codes[at]) for at in known), rows, len(values) - missing - sum(rows), missing)


def keep_encoding(booster: xgboost.Booster, encoding: Encoding) -> xgboost.Booster:
    """Stores the vocabularies in the booster, and therefore in its file."""
    if encoding.vocabularies:
        entries = [
            [one.position, list(one.codes), list(one.rows), one.other_rows, one.missing_rows]
            for one in encoding.vocabularies
        ]
        booster.set_attr(**{ATTRIBUTE: json.dumps(entries)})
    return booster


def encoding_of(booster: xgboost.Booster) -> Encoding:
    text = booster.attr(ATTRIBUTE)
    entries = [] if text is None else json.loads(text)
    return Encoding(
        tuple(
            Vocabulary(position, tuple(codes), tuple(rows), other, missing)
            for position, codes, rows, other, missing in entries
        )
    )


def encoding_nodes(
    encoding: Encoding, width: int, features: str, encoded: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Converts `features` to `encoded`: splits it, applies a LabelEncoder to each category, and joins the parts."""
    sizes: list[int] = []
    parts: list[str] = []
    encoders: list[NodeProto] = []
    begin = 0
    for vocabulary in encoding.vocabularies:
        at = vocabulary.position
        if at > begin:
            sizes.append(at - begin)
            parts.append(f"{encoded}_{begin}")
        sizes.append(1)
        parts.append(f"{encoded}_{at}")
        keys, values = zip(*vocabulary.pairs(), strict=True)
        # Without default_float, other values would become 0.
        encoders.append(
            helper.make_node(
                "LabelEncoder",
                [parts[-1]],
                [f"{encoded}_{at}_code"],
                name=f"{encoded}_{at}_code",
                domain=TREES_DOMAIN,
                keys_floats=[float(key) for key in keys],
                values_floats=[float(value) for value in values],
            )
        )
        begin = at + 1
    if begin < width:
        sizes.append(width - begin)
        parts.append(f"{encoded}_{begin}")
    replaced = {node.input[0]: node.output[0] for node in encoders}
    nodes = [
        helper.make_node("Split", [features, f"{encoded}_sizes"], parts, name=f"{encoded}_split", axis=1),
        *encoders,
        helper.make_node("Concat", [replaced.get(part, part) for part in parts], [encoded], name=encoded, axis=1),
    ]
    return nodes, [numpy_helper.from_array(np.array(sizes, dtype=np.int64), f"{encoded}_sizes")]


def tensor_encoder(node: NodeProto, tables: list[TensorProto]) -> list[NodeProto]:
    """A LabelEncoder as comparisons and a product, for which onnxruntime has CUDA kernels.

    The product is exact, because at most one key matches.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    prefix = node.output[0]
    tables.append(numpy_helper.from_array(np.array([given["keys_floats"]], dtype=np.float32), f"{prefix}_keys"))
    values = np.array(given["values_floats"], dtype=np.float32)[:, None]
    tables.append(numpy_helper.from_array(values, f"{prefix}_values"))
    return [
        helper.make_node("Equal", [node.input[0], f"{prefix}_keys"], [f"{prefix}_equal"]),
        helper.make_node("Cast", [f"{prefix}_equal"], [f"{prefix}_is"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", [f"{prefix}_is", f"{prefix}_values"], [prefix]),
    ]


def category_keys(model: onnx.ModelProto) -> dict[int, list[float]]:
    """The values that the model knows, by position in the vector."""
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer if one.name.endswith("_sizes")}
    keys: dict[str, list[float]] = {}
    for node in model.graph.node:
        if node.op_type == "LabelEncoder":
            given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            keys[node.input[0]] = list(given["keys_floats"])
    found: dict[int, list[float]] = {}
    for node in model.graph.node:
        if node.op_type == "Split" and len(node.input) > 1 and node.input[1] in constants:
            begins = np.cumsum([0, *constants[node.input[1]][:-1]])
            for begin, part in zip(begins, node.output, strict=True):
                found.setdefault(int(begin), []).extend(keys.get(part, []))
    return {position: known for position, known in found.items() if known}

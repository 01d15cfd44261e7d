"""Writes a model card (Markdown) from a version's manifest and the JSON of its evaluation.

python -m tripline_training.model_card --registry file:///models --name fraud --version champion \\
    --evaluation report.json --output card.md

The sections follow Mitchell et al., Model Cards for Model Reporting, 2019, as far as the two files have the
information.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.measures import MEASURE_TITLES
from tripline_training.registry import registry
from tripline_training.retraining.compare_money import money_of

FEATURES_NAMED_MAX = 200


def card_of(manifest: dict[str, Any], evaluation: dict[str, Any]) -> str:
    """Raises TrainingError if the evaluation is for another model, or if either file lacks required information."""
    try:
        _check_same_model(manifest, evaluation)
        parts = [_details(manifest), _use(), _training_data(manifest), _evaluation(evaluation)]
        parts += [f"## Money\n\n{money_of(manifest)}", _segments(evaluation)]
        return "\n\n".join([*parts, features_of_card(manifest), _limits(evaluation)]) + "\n"
    except (KeyError, TypeError) as error:
        raise TrainingError(f"The manifest or the evaluation lacks an entry for the model card: {error!r}.") from error


def _check_same_model(manifest: dict[str, Any], evaluation: dict[str, Any]) -> None:
    published, measured = manifest["files"][registry.MODEL_FILE], evaluation["model"]["sha256"]
    if published != measured:
        raise TrainingError(
            f"The evaluation belongs to another model: it evaluated {measured[:12]}, not {published[:12]}. "
            "Run evaluate_report with this version."
        )


def _details(manifest: dict[str, Any]) -> str:
    lineage = manifest["lineage"]
    params = ", ".join(f"{name} {value}" for name, value in lineage["params"].items())
    return "\n".join(
        [
            f"# Model card: {manifest['name']} {manifest['version']}",
            "",
            "| | |",
            "| --- | --- |",
            f"| version | `{manifest['version']}`, created {manifest['created_at']} |",
            f"| input | `{manifest['input']['name']}` {manifest['input']['datatype']} "
            f"{manifest['input']['shape']}, feature spec {manifest['feature_spec_version']} |",
            f"| output | `{manifest['output']['name']}` {manifest['output']['datatype']} "
            f"{manifest['output']['shape']}, the probability of fraud |",
            f"| code | {lineage.get('commit') or 'commit not recorded'} |",
            f"| parameters | {params} |",
        ]
    )


def _use() -> str:
    return (
        "## Use\n\n"
        "Intended for scoring card payments in real time, as one input to a decision, along with rules, lists and "
        "analysts. Not intended for judging people, for setting prices or limits, or for payments whose features were "
        "computed with another feature spec."
    )


def _training_data(manifest: dict[str, Any]) -> str:
    lineage, trained = manifest["lineage"], manifest["metrics"]["train"]
    return (
        "## Training data\n\n"
        f"{trained['rows']} payments from {trained['first']} to {trained['last']}, {trained['frauds']} of them fraud; "
        f"only labels that were known by {lineage['known_by']}. sha256 of the file: `{lineage['data_sha256']}`."
    )


def _evaluation(evaluation: dict[str, Any]) -> str:
    data, drawn = evaluation["data"], evaluation["bootstrap"]
    lines = [
        "## Evaluation",
        "",
        f"{data['rows']} payments of {data['cards']} cards from {data['from']} to {data['to']}, {data['frauds']} of "
        "them fraud. "
        f"Intervals contain 95 % of {drawn['replicates']} bootstrap samples of whole cards (seed {drawn['seed']}).",
        "",
        "| measure | value | 95 % interval |",
        "| --- | --- | --- |",
    ]
    for name, words in MEASURE_TITLES.items():
        estimate = evaluation["measures"][name]
        form = ",.0f" if name == "money_saved" else ".4f"
        interval = "" if estimate["low"] is None else f"{estimate['low']:{form}} to {estimate['high']:{form}}"
        lines.append(f"| {words} | {estimate['value']:{form}} | {interval} |")
    costs = ", ".join(f"{name} {value:g}" for name, value in evaluation["costs"].items())
    return "\n".join([*lines, "", f"Assumed costs: {costs}."])


def _segments(evaluation: dict[str, Any]) -> str:
    lines = ["## Segments", "", "| segment | payments | frauds | share | mean score | AP | AUC |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for part in evaluation["segments"]:
        ap, auc = ("too few" if part[key] is None else f"{part[key]:.3f}" for key in ("average_precision", "auc_roc"))
        lines.append(
            f"| {part['kind']}: {part['name']} | {part['rows']} | {part['frauds']} | "
            f"{part['frauds'] / part['rows']:.3%} | {part['predicted']:.3%} | {ap} | {auc} |"
        )
    return "\n".join(lines)


def features_of_card(manifest: dict[str, Any]) -> str:
    # Older versions do not have this entry, so they may use all features.
    names = manifest.get("used_features", manifest["features"])
    more = f" and {len(names) - FEATURES_NAMED_MAX} more" if len(names) > FEATURES_NAMED_MAX else ""
    listed = f"{', '.join(f'`{name}`' for name in names[:FEATURES_NAMED_MAX])}{more}."
    parts = ["## Features", f"It uses {len(names)} of the {len(manifest['features'])} features of its input: {listed}"]
    for name, vocabulary in manifest.get("categories", {}).items():
        known, rows = len(vocabulary["codes"]), vocabulary["rows"]
        total = sum(rows) + vocabulary["other_rows"] + vocabulary["missing_rows"]
        parts.append(
            f"It knows {known} values of the category `{name}`, which {sum(rows) / total:.1%} of the payments had; "
            f"{vocabulary['other_rows'] / total:.1%} had another value and "
            f"{vocabulary['missing_rows'] / total:.1%} had none."
        )
    selection = manifest["metrics"].get("selection", {})
    if selection.get("constant_online"):
        constant = ", ".join(f"`{name}`" for name in selection["constant_online"])
        parts.append(f"Not used because they are constant online: {constant}.")
    parts += [_group(group, result) for group, result in selection.get("groups", {}).items()]
    return "\n\n".join(parts)


def _group(group: str, result: dict[str, Any]) -> str:
    used = "used" if result["used"] else "not used"
    if result["gain_low"] is None:
        return f"`{group}` is {used}: {result['reason']}."
    return (
        f"`{group}` is {used}: the mean average precision over {result['folds']} folds is {result['ap_with']:.4f} "
        f"with it and {result['ap_without']:.4f} without. The 95 % interval of the gain is "
        f"{result['gain_low']:.4f} to {result['gain_high']:.4f}; AUC ROC is {result['auc_with']:.4f} with it and "
        f"{result['auc_without']:.4f} without."
    )


def _limits(evaluation: dict[str, Any]) -> str:
    weak = [
        f"{part['kind']}: {part['name']}"
        for part in evaluation["segments"]
        if part["auc_roc"] is None or part["money_saved"] < 0
    ]
    text = (
        "## Limits\n\n"
        "Fraud patterns change: the figures apply to the evaluated payments, so drift must be monitored. The figures "
        "exclude payments without a label."
    )
    if weak:
        text += f" Too few frauds, or a loss of money, in these segments: {'; '.join(weak)}."
    return text


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.model_card", description=__doc__.splitlines()[0])
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///...")
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--version", default="champion", help="alias or version (default champion)")
    parser.add_argument("--evaluation", type=Path, required=True, help="JSON output of evaluate_report")
    parser.add_argument("--output", type=Path, required=True, help="where to write the card (Markdown)")
    given = parser.parse_args(arguments)
    found = registry.resolve(registry.registry_root(given.registry), given.name, given.version)
    try:
        evaluation = json.loads(given.evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{given.evaluation} cannot be read: {error}.") from error
    given.output.write_text(card_of(found.manifest, evaluation), encoding="utf-8")
    print(f"model-card: {found.name} {found.version} {given.output}")


if __name__ == "__main__":
    run_command(main)

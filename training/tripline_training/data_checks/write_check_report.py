"""Writes the report of the checks as Markdown."""

from datetime import UTC, datetime

from tripline_training.data_checks.findings import DataReport, Finding

CHECKS = {
    "schema": "columns, their order and types",
    "nulls": "missing values",
    "range": "impossible values",
    "duplicates": "payments that occur twice",
    "time-order": "order of time",
    "leakage": "use of the label or the future",
    "class-balance": "share of fraud",
}


def markdown_of(report: DataReport) -> str:
    verdict = "fit for training" if not report.faults else f"NOT fit for training: {len(report.faults)} faults"
    lines = [
        f"# Data check of {report.path.name}",
        "",
        f"**{verdict}**, {len(report.warnings)} warnings.",
        "",
        f"Feature spec {report.spec_version}; {report.rows} payments from {_moment(report.first_ms)} to "
        f"{_moment(report.last_ms)}; {report.labelled} labelled, {report.frauds} of them fraud.",
        "",
        "| check | faults | warnings |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {words} | {_count(report.faults, check)} | {_count(report.warnings, check)} |"
        for check, words in CHECKS.items()
    ]
    for title, findings in (("Faults", report.faults), ("Warnings", report.warnings)):
        if findings:
            lines += ["", f"## {title}", "", *(f"- {finding.sentence}" for finding in findings)]
    if report.notes:
        lines += ["", "## Not checked", "", *(f"- {note}" for note in report.notes)]
    if report.profiles:
        lines += ["", "## Features", "", "AUC is how well the feature alone separates fraud, in either direction.", ""]
        lines += ["| feature | min | mean | max | distinct (about) | AUC |", "| --- | --- | --- | --- | --- | --- |"]
        lines += [
            f"| `{p.name}` | {p.low:.6g} | {p.mean:.6g} | {p.high:.6g} | {p.distinct} | {_auc(p.auc)} |"
            for p in report.profiles
        ]
    return "\n".join(lines) + "\n"


def _count(findings: list[Finding], check: str) -> int:
    return sum(finding.check == check for finding in findings)


def _auc(auc: float | None) -> str:
    return "too few frauds" if auc is None else f"{auc:.3f}"


def _moment(time_ms: int | None) -> str:
    return "?" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")

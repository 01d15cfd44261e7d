"""The findings of a check, and the profile of the checked file."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Level = Literal["fault", "warning"]


@dataclass(frozen=True)
class Finding:
    column: str
    check: str
    """One of schema, nulls, range, duplicates, time-order, leakage, class-balance."""
    level: Level
    """A fault stops a training; a warning is only reported."""
    rows: int
    """Number of affected rows; 0 if the check is about the column as a whole."""
    sentence: str
    """Names the column and says how to fix it."""


@dataclass(frozen=True)
class ColumnProfile:
    name: str
    low: float
    mean: float
    high: float
    distinct: int
    auc: float | None
    """How well this column alone separates fraud (0.5: not at all; 1: perfectly, in either direction)."""


@dataclass
class DataReport:
    path: Path
    spec_version: int
    rows: int = 0
    labelled: int = 0
    frauds: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    findings: list[Finding] = field(default_factory=list)
    profiles: list[ColumnProfile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Checks that were skipped, and why."""

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "fault"]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "warning"]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path), "fit_for_training": not self.faults}

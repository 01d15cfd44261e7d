"""Checks of single columns: schema, nulls, ranges, duplicates. Two scans of the file check all values."""

from tripline_training.data.dataset import FEATURE_TYPES, KEY_COLUMNS, WEIGHT_COLUMN
from tripline_training.data.tables import query, sql_name
from tripline_training.data_checks.feature_kinds import RANGES, SpecFeature, ValueRange
from tripline_training.data_checks.findings import Finding

FLOAT32_MAX = 3.4028235e38
RUN_AGAIN = "run the backfill again with the current feature spec"


def check_schema(present: dict[str, str], features: list[SpecFeature]) -> list[Finding]:
    """Every column that is missing, unknown, of the wrong type or out of place; `present` contains the types, in order.
    """
    wanted = {**KEY_COLUMNS, **{feature.name: FEATURE_TYPES for feature in features}}
    if list(present)[-1:] == [WEIGHT_COLUMN]:
        wanted[WEIGHT_COLUMN] = FEATURE_TYPES
    findings = [
        _fault(name, "schema", 0, f"the column is missing; {RUN_AGAIN}") for name in wanted if name not in present
    ]
    findings += [
        _fault(name, "schema", 0, f"the feature spec has no such column; {RUN_AGAIN}")
        for name in present
        if name not in wanted
    ]
    findings += [
        _fault(name, "schema", 0, f"the type is {present[name]}, but should be {' or '.join(types)}")
        for name, types in wanted.items()
        if name in present and present[name] not in types
    ]
    if not findings and list(present) != list(wanted):
        found, name = next(pair for pair in zip(present, wanted, strict=True) if pair[0] != pair[1])
        findings.append(_fault(name, "schema", 0, f"its position contains {found}; {RUN_AGAIN}"))
    return findings


def check_values(table: str, features: list[SpecFeature]) -> list[Finding]:
    """Nulls, values that are impossible for their kind or not finite as float32, and repeated ids."""
    checks: list[tuple[str, str, str, str]] = []
    for name in ("client_transaction_id", "card_token", "occurred_at_ms"):
        checks.append((name, "nulls", f"{name} IS NULL", "rows have no value; remove them"))
    checks += [
        ("fraud", "nulls", "labelled_at_ms IS NOT NULL AND fraud IS NULL", "rows have a label time without a label"),
        ("labelled_at_ms", "nulls", "labelled_at_ms IS NULL AND fraud IS NOT NULL", "rows have a label without a time"),
        ("fraud", "range", "fraud::BIGINT NOT IN (0, 1)", "rows have a value other than 0 or 1"),
    ]
    for feature in _suspicious(table, features):
        value = sql_name(feature.name)
        finite = f"coalesce(abs({value}) <= {FLOAT32_MAX}, false)"
        checks.append((feature.name, "nulls", f"{value} IS NULL", f"rows have no value; {RUN_AGAIN}"))
        unfit = "rows have a value that is not finite as a 32-bit number"
        checks.append((feature.name, "range", f"{value} IS NOT NULL AND NOT {finite}", unfit))
        outside, words = _outside(feature, value)
        if outside:
            # docs/features.md: if there is no history, a feature has its default, even outside the range of its kind.
            condition = f"{finite} AND abs({value} - {feature.default!r}) > 1e-9 AND ({outside})"
            checks.append((feature.name, "range", condition, f"rows have a value that is {words}"))
    counts = ", ".join(f"count(*) FILTER ({condition})" for _, _, condition, _ in checks)
    repeated = "count(client_transaction_id) - count(DISTINCT client_transaction_id)"
    row = query(f"SELECT {counts}, {repeated} FROM {table}").fetchall()[0]
    findings = [
        _fault(column, check, int(count), f"{count} {sentence}")
        for (column, check, _, sentence), count in zip(checks, row, strict=False)
        if count > 0
    ]
    if row[-1] > 0:
        sentence = f"{row[-1]} rows repeat the id of another row; a payment must be counted once"
        findings.append(_fault("client_transaction_id", "duplicates", int(row[-1]), sentence))
    return findings


def _suspicious(table: str, features: list[SpecFeature]) -> list[SpecFeature]:
    """Columns whose rows must be counted, because their minimum and maximum, found quickly, show a possible fault."""
    measured = ", ".join(
        f"count(*) = count({name}), min({name}), max({name}), coalesce(bool_and({name} = round({name})), false)"
        for name in (sql_name(feature.name) for feature in features)
    )
    row = query(f"SELECT {measured} FROM {table}").fetchall()[0]
    found = []
    for position, feature in enumerate(features):
        complete, low, high, whole = row[4 * position : 4 * position + 4]
        limits = RANGES.get(feature.kind, ValueRange(None, None))
        least = -FLOAT32_MAX if limits.low is None else limits.low
        most = FLOAT32_MAX if limits.high is None else limits.high
        # In DuckDB, NaN is the largest value. In Python, no comparison with it is true.
        cleared = complete and low is not None and least <= low <= high <= most and (whole or not limits.whole)
        if not cleared:
            found.append(feature)
    return found


def _outside(feature: SpecFeature, value: str) -> tuple[str, str]:
    """The SQL condition for a value that the feature's kind cannot have, and its description; both empty if none."""
    limits = RANGES.get(feature.kind)
    if limits is None:
        return "", ""
    # Sums and rates are rounded doubles, which may exceed a limit slightly.
    conditions = [f"{value} < {limits.low - 1e-9!r}"] if limits.low is not None else []
    conditions += [f"{value} > {limits.high + 1e-9!r}"] if limits.high is not None else []
    conditions += [f"{value} <> round({value})"] if limits.whole else []
    return " OR ".join(conditions), f"not {_words(limits)}, as the kind {feature.kind} must be"


def _words(limits: ValueRange) -> str:
    number = "a whole number" if limits.whole else "a number"
    if limits.high is None:
        return f"{number} of at least {limits.low:g}"
    return f"{number} from {limits.low:g} to {limits.high:g}"


def _fault(column: str, check: str, rows: int, sentence: str) -> Finding:
    return Finding(column, check, "fault", rows, f"{column}: {sentence}.")

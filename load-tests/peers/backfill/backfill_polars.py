"""Computes the features of the backfill benchmark with Polars on all of its threads, from Parquet to Parquet.

    python backfill_polars.py TRANSACTIONS.parquet FEATURES.parquet

Differences from Tripline:
- Windows are exact, (t - w, t]. The old end of Tripline's windows moves in tiles.
- Windows include all payments of an entity with the same time; only `card_unusual_max_7d` includes none of them.
  Tripline includes those that were counted earlier.
- The distance from home is measured from the mean of all earlier locations. Tripline's home follows a card that moves.
- Features of devices and network addresses are omitted. They have their defaults if payments have neither, like those
  of the handbook.
- All amounts have two decimal places.
- A card remembers all of its unusual payments. In Tripline, it remembers 32 in the longest window.
- Only a fraud's own payment can explain it. In Tripline, any payment with the same time can.

fold_side_by_side.py computes usual amounts and runs of frauds, in one thread.
"""

import sys

import polars as pl
from fold_side_by_side import ratio_to_usual, runs_of_frauds

DAY_MS = 86_400_000
HORIZON_MS = 30 * DAY_MS
NEVER_SECONDS = 2_592_000
NEVER_DAYS = 3650
PRIOR = 0.01
WEIGHT = 5
EARTH_RADIUS_KM = 6371.0088
UNUSUAL_RATIO = 2

# The windows by entity for the number of payments, the sums of amounts and of their squares, the largest amount, and
# the number of unusual payments.
COUNTS = {"card": ("5m", "1h", "1d", "7d", "30d"), "terminal": ("1h", "1d", "7d", "30d")}
SUMS = {"card": ("1h", "1d", "7d", "30d"), "terminal": ("30d",)}
SQUARES = {"card": ("7d", "30d"), "terminal": ("30d",)}
MAXIMA = {"card": ("7d", "30d"), "terminal": ()}
UNUSUAL = {"card": ("3d", "7d", "14d"), "terminal": ()}
PARTNERS = {"card": "terminal", "terminal": "card"}
DISTINCT = ("1d", "7d")
LABEL_WINDOWS = ("1d", "7d", "14d", "28d", "30d")


def read_payments(path: str) -> pl.DataFrame:
    """Payments in event order. Replaces IDs with numbers, because grouping by numbers is faster than by strings."""
    latitude = pl.col("latitude").radians()
    longitude = pl.col("longitude").radians()
    payments = (
        pl.scan_parquet(path)
        .sort("occurred_at_ms", "client_transaction_id")
        .with_columns(
            pl.from_epoch("occurred_at_ms", time_unit="ms").alias("at"),
            (pl.col("amount_minor") / 100).alias("amount"),
            (pl.col("amount_minor") / 100).pow(2).alias("square"),
            pl.lit(1.0).alias("one"),
            pl.col("card_token").cast(pl.Categorical).to_physical().alias("card"),
            pl.col("terminal_id").cast(pl.Categorical).to_physical().alias("terminal"),
            (latitude.cos() * longitude.cos()).alias("x"),
            (latitude.cos() * longitude.sin()).alias("y"),
            latitude.sin().alias("z"),
        )
        .collect()
    )
    ratio = ratio_to_usual(payments["card"].to_numpy(), payments["amount_minor"].to_numpy() * 10)
    is_unusual = pl.col("ratio").ge(UNUSUAL_RATIO).fill_null(False)
    return payments.with_columns(pl.Series("ratio", ratio, nan_to_null=True)).with_columns(
        is_unusual.cast(pl.Float64).alias("unusual"), pl.when(is_unusual).then("ratio").alias("unusual_ratio")
    )


def rolling_sums(payments: pl.DataFrame) -> pl.DataFrame:
    """Sums and maxima over windows that include the payment itself."""
    columns = []
    for entity in COUNTS:
        for column, windows in (("one", COUNTS), ("amount", SUMS), ("square", SQUARES), ("unusual", UNUSUAL)):
            for window in windows[entity]:
                total = pl.col(column).rolling_sum_by("at", window).over(entity)
                columns.append(total.alias(f"{entity}_{column}_{window}"))
        for window in MAXIMA[entity]:
            largest = pl.col("amount").rolling_max_by("at", window).over(entity)
            columns.append(largest.alias(f"{entity}_max_{window}"))
        columns.append(pl.col("at").diff().over(entity).dt.total_milliseconds().alias(f"{entity}_gap_ms"))
    # A window with an open end excludes the payment itself.
    largest = pl.col("unusual_ratio").rolling_max_by("at", "7d", closed="none").over("card")
    columns.append(largest.alias("unusual_max_7d"))
    for part in ("x", "y", "z"):
        columns.append((pl.col(part).cum_sum().over("card") - pl.col(part)).alias(f"home_{part}"))
    return payments.select(columns)


def pairs(payments: pl.DataFrame) -> pl.DataFrame:
    """Time since the card's last payment at the terminal, and its payments there since it was last new there."""
    key = pl.col("card").cast(pl.UInt64) * 2**32 + pl.col("terminal")
    numbered = payments.select("at", key.alias("pair")).with_columns(
        pl.col("at").diff().over("pair").dt.total_milliseconds().alias("pair_gap_ms"),
        pl.int_range(pl.len()).over("pair").alias("number"),
    )
    is_new = pl.col("pair_gap_ms").is_null() | (pl.col("pair_gap_ms") >= HORIZON_MS)
    first = pl.when(is_new).then("number").forward_fill().over("pair")
    count = pl.col("number") - first + 1
    return numbered.select("pair_gap_ms", is_new.alias("pair_is_new"), count.alias("pair_count"))


def distinct_partners(payments: pl.DataFrame) -> pl.DataFrame:
    """Numbers of distinct partners within windows, in the order of the payments."""
    numbered = payments.lazy().select("at", "card", "terminal").with_row_index("row")
    queries = [
        numbered.rolling("at", period=window, group_by=entity)
        .agg(pl.col("row").last(), pl.col(PARTNERS[entity]).n_unique().alias(f"{entity}_distinct_{window}"))
        .sort("row")
        .select(f"{entity}_distinct_{window}")
        for entity in PARTNERS
        for window in DISTINCT
    ]
    return pl.concat(pl.collect_all(queries), how="horizontal")


def label_totals(payments: pl.DataFrame) -> pl.DataFrame:
    """Known labels and frauds by entity and window, the time of the first fraud report, and runs of frauds."""
    columns = []
    for entity in PARTNERS:
        labels = (
            payments.select(
                pl.from_epoch("labelled_at_ms", time_unit="ms").alias("known_at"),
                *(entity, "fraud", "occurred_at_ms", "unusual"),
            )
            .filter(pl.col("known_at").is_not_null())
            .sort("known_at")
        )
        totals = labels.select(
            "known_at",
            entity,
            pl.int_range(1, pl.len() + 1).over(entity).cast(pl.Float64).alias("labels"),
            pl.col("fraud").cast(pl.Float64).cum_sum().over(entity).alias("frauds"),
            pl.when(pl.col("fraud") == 1).then("known_at").min().over(entity).alias("first_fraud"),
        )
        later = ["first_fraud"]
        if entity == "terminal":
            truths = [labels[column].to_numpy() for column in ("terminal", "occurred_at_ms", "fraud")]
            runs = runs_of_frauds(*truths, explained=labels["unusual"].to_numpy() == 1)
            totals = totals.with_columns(pl.Series(name, values, nan_to_null=True) for name, values in runs.items())
            later += list(runs)
        now = known_by(payments, totals, entity, pl.col("at"))
        counts = totals.drop(later)
        for window in LABEL_WINDOWS:
            before = known_by(payments, counts, entity, pl.col("at").dt.offset_by(f"-{window}"))
            columns.append((now["labels"] - before["labels"]).alias(f"{entity}_labels_{window}"))
            columns.append((now["frauds"] - before["frauds"]).alias(f"{entity}_frauds_{window}"))
        columns += [now[column].alias(f"{entity}_{column}") for column in later]
    return pl.DataFrame(columns)


def known_by(payments: pl.DataFrame, labels: pl.DataFrame, entity: str, at: pl.Expr) -> pl.DataFrame:
    joined = payments.select(entity, at.alias("at")).join_asof(
        labels, left_on="at", right_on="known_at", by=entity, check_sortedness=False
    )
    return joined.with_columns(pl.col("labels", "frauds").fill_null(0))


def seconds(gap_ms: str) -> pl.Expr:
    return pl.when(pl.col(gap_ms) <= HORIZON_MS).then(pl.col(gap_ms) / 1000).otherwise(NEVER_SECONDS)


def before(entity: str, column: str, window: str) -> pl.Expr:
    """A total that excludes the payment itself."""
    return pl.col(f"{entity}_{column}_{window}") - pl.col(column)


def deviation(entity: str, window: str) -> pl.Expr:
    """Sample standard deviation of the earlier payments."""
    count, total = before(entity, "one", window), before(entity, "amount", window)
    variance = (before(entity, "square", window) - total * total / count) / (count - 1)
    return pl.when(count >= 2).then(variance.clip(0).sqrt())


def z_score(entity: str, window: str) -> pl.Expr:
    mean = before(entity, "amount", window) / before(entity, "one", window)
    spread = deviation(entity, window)
    return pl.when(spread > 1e-4).then((pl.col("amount") - mean) / spread).otherwise(0)


def distance_from_home() -> pl.Expr:
    home = [pl.col(f"home_{part}") for part in ("x", "y", "z")]
    length = (home[0].pow(2) + home[1].pow(2) + home[2].pow(2)).sqrt()
    away = [part / length - pl.col(name) for part, name in zip(home, ("x", "y", "z"), strict=True)]
    chord = (away[0].pow(2) + away[1].pow(2) + away[2].pow(2)).sqrt()
    known = (length > 0) & chord.is_not_null()
    return pl.when(known).then(2 * EARTH_RADIUS_KM * (chord / 2).clip(0, 1).arcsin()).otherwise(-1)


def features() -> list[pl.Expr]:
    """Expressions for all features."""
    hour, weekday = pl.col("at").dt.hour(), pl.col("at").dt.weekday()
    columns = {
        "amount": pl.col("amount"),
        "hour_of_day": hour,
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "is_night": hour < 7,
    }
    for entity, windows in COUNTS.items():
        columns |= {f"{entity}_count_{window}": pl.col(f"{entity}_one_{window}") for window in windows}
    columns |= {f"card_sum_{window}": pl.col(f"card_amount_{window}") for window in ("1h", "1d", "7d")}
    for entity, windows in {"card": ("1d", "7d", "30d"), "terminal": ("30d",)}.items():
        for window in windows:
            mean = pl.col(f"{entity}_amount_{window}") / pl.col(f"{entity}_one_{window}")
            columns[f"{entity}_mean_{window}"] = mean
    columns |= {f"card_max_{window}": pl.col(f"card_max_{window}") for window in MAXIMA["card"]}
    columns["card_std_30d"] = deviation("card", "30d").fill_null(0)
    for entity, windows in SQUARES.items():
        columns |= {f"{entity}_z_score_{window}": z_score(entity, window) for window in windows}
    past = before("card", "amount", "30d")
    ratio = pl.col("amount") * before("card", "one", "30d") / past
    columns["card_ratio_30d"] = pl.when(past > 1e-6).then(ratio).otherwise(1)
    columns["card_ratio_usual"] = pl.col("ratio").fill_null(1)
    columns |= {f"card_unusual_{window}": before("card", "unusual", window) for window in UNUSUAL["card"]}
    # The ratio is truncated to thousandths.
    columns["card_unusual_max_7d"] = (pl.col("unusual_max_7d").fill_null(0) * 1000).floor() / 1000
    columns["card_distance_from_home"] = distance_from_home()
    for entity in PARTNERS:
        columns[f"{entity}_seconds_since_last"] = seconds(f"{entity}_gap_ms")
        partners = {"card": "terminals", "terminal": "cards"}[entity]
        columns |= {f"{entity}_{partners}_{window}": pl.col(f"{entity}_distinct_{window}") for window in DISTINCT}
        columns |= label_features(entity)
    columns["card_terminal_is_new"] = pl.col("pair_is_new")
    columns["card_terminal_count"] = pl.col("pair_count")
    columns["card_terminal_seconds_since_last"] = seconds("pair_gap_ms")
    return [column.cast(pl.Float64).alias(name) for name, column in columns.items()]


def label_features(entity: str) -> dict[str, pl.Expr]:
    columns = {}
    frauds = {window: pl.col(f"{entity}_frauds_{window}") for window in LABEL_WINDOWS}
    labels = {window: pl.col(f"{entity}_labels_{window}") for window in LABEL_WINDOWS}
    for window in {"card": ("7d", "30d"), "terminal": ("1d", "7d", "30d")}[entity]:
        columns[f"{entity}_fraud_count_{window}"] = frauds[window]
        if entity == "terminal":
            rate = pl.when(labels[window] > 0).then(frauds[window] / labels[window]).otherwise(0)
            columns[f"terminal_fraud_rate_{window}"] = rate
    for window in ("1d", "7d", "14d", "28d"):
        columns[f"{entity}_risk_{window}"] = (frauds[window] + PRIOR * WEIGHT) / (labels[window] + WEIGHT)
    since = (pl.col("at") - pl.col(f"{entity}_first_fraud")).dt.total_milliseconds() / DAY_MS
    columns[f"{entity}_days_since_first_fraud"] = pl.when(since >= 0).then(since).otherwise(NEVER_DAYS)
    if entity == "terminal":
        for name, column in {"last_genuine": "terminal_genuine_ms", "run_began": "terminal_began_ms"}.items():
            days = (pl.col("occurred_at_ms") - pl.col(column)) / DAY_MS
            columns[f"terminal_days_since_{name}"] = days.fill_null(NEVER_DAYS)
        columns["terminal_run_count"] = pl.col("terminal_run").fill_null(0)
    return columns


def main() -> None:
    source, target = sys.argv[1:]
    payments = read_payments(source)
    parts = [payments, rolling_sums(payments), pairs(payments), distinct_partners(payments), label_totals(payments)]
    ids = ["client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud"]
    table = pl.concat(parts, how="horizontal").select(*ids, *features())
    table.write_parquet(target, compression="zstd", compression_level=1)


if __name__ == "__main__":
    main()

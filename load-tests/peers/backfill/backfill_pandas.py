"""Computes the features of the backfill benchmark with pandas in one process, from Parquet to Parquet.

    python backfill_pandas.py TRANSACTIONS.parquet FEATURES.parquet

Differences from Tripline:
- Windows are exact, (t - w, t]. The old end of Tripline's windows moves in tiles.
- Windows over labels include all payments of an entity with the same time, and `card_unusual_max_7d` includes none of
  them. Tripline includes those that were counted earlier.
- The distance from home is measured from the mean of all earlier locations. Tripline's home follows a card that moves.
- Features of devices and network addresses are omitted. They have their defaults if payments have neither, like those
  of the handbook.
- All amounts have two decimal places.
- A card remembers all of its unusual payments. In Tripline, it remembers 32 in the longest window.
- Only a fraud's own payment can explain it. In Tripline, any payment with the same time can.

Distinct partners are counted with `rolling.apply`. fold_side_by_side.py computes usual amounts and runs of frauds. All
other features use rolling sums and maxima, `merge_asof` and cumulative sums.
"""

import sys

import numpy as np
import pandas as pd
from fold_side_by_side import ratio_to_usual, runs_of_frauds

DAY_MS = 86_400_000
HORIZON = pd.Timedelta(days=30)
NEVER_SECONDS = 2_592_000
NEVER_DAYS = 3650
PRIOR = 0.01
WEIGHT = 5
EARTH_RADIUS_KM = 6371.0088
UNUSUAL_RATIO = 2

# The summed columns by entity and window. The sum of "one" is a count.
SUMS = {
    "card": {
        "5min": ["one"],
        "1h": ["one", "amount"],
        "1D": ["one", "amount"],
        "3D": ["unusual"],
        "7D": ["one", "amount", "square", "unusual"],
        "14D": ["unusual"],
        "30D": ["one", "amount", "square"],
    },
    "terminal": {"1h": ["one"], "1D": ["one"], "7D": ["one"], "30D": ["one", "amount", "square"]},
}
MAXIMA = {"card": ["7D", "30D"], "terminal": []}
PARTNERS = {"card": "terminal", "terminal": "card"}
DISTINCT = ["1D", "7D"]
UNUSUAL_WINDOWS = ["3D", "7D", "14D"]
LABEL_WINDOWS = ["1D", "7D", "14D", "28D", "30D"]
NAMES = {"5min": "5m", "1h": "1h", "1D": "1d", "3D": "3d", "7D": "7d", "14D": "14d", "28D": "28d", "30D": "30d"}


def read_payments(path: str) -> pd.DataFrame:
    """Payments in event order. Replaces IDs with numbers, because grouping by numbers is faster than by strings."""
    payments = pd.read_parquet(path).sort_values(["occurred_at_ms", "client_transaction_id"], ignore_index=True)
    payments["at"] = pd.to_datetime(payments["occurred_at_ms"], unit="ms").astype("datetime64[ns]")
    payments["known_at"] = pd.to_datetime(payments["labelled_at_ms"], unit="ms").astype("datetime64[ns]")
    payments["one"] = 1.0
    payments["amount"] = payments["amount_minor"] / 100
    payments["square"] = payments["amount"] ** 2
    payments["card"] = payments["card_token"].astype("category").cat.codes
    payments["terminal"] = payments["terminal_id"].astype("category").cat.codes
    thousandths = payments["amount_minor"].to_numpy() * 10
    payments["ratio"] = ratio_to_usual(payments["card"].to_numpy(), thousandths)
    payments["unusual"] = (payments["ratio"] >= UNUSUAL_RATIO).astype(float)
    latitude, longitude = np.radians(payments["latitude"]), np.radians(payments["longitude"])
    payments["x"] = np.cos(latitude) * np.cos(longitude)
    payments["y"] = np.cos(latitude) * np.sin(longitude)
    payments["z"] = np.sin(latitude)
    return payments


def in_row_order(rolled: pd.DataFrame | pd.Series, order: np.ndarray) -> pd.DataFrame | pd.Series:
    """Puts the result of a rolling group-by, which is ordered by group, in the order of the payments."""
    rolled = rolled.set_axis(order)
    return rolled.sort_index()


def rolling_totals(payments: pd.DataFrame) -> dict[str, pd.Series]:
    """Sums, maxima and numbers of distinct partners over windows that include the payment itself."""
    totals = {}
    for entity, windows in SUMS.items():
        groups = payments.groupby(entity)
        order = np.argsort(payments[entity].to_numpy(), kind="stable")
        for window, columns in windows.items():
            sums = in_row_order(groups.rolling(window, on="at")[columns].sum(), order)
            totals |= {f"{entity}_{column}_{window}": sums[column] for column in columns}
        for window in MAXIMA[entity]:
            totals[f"{entity}_max_{window}"] = in_row_order(groups.rolling(window, on="at")["amount"].max(), order)
        for window in DISTINCT:
            partners = groups.rolling(window, on="at")[PARTNERS[entity]]
            totals[f"{entity}_distinct_{window}"] = in_row_order(partners.apply(count_different, raw=True), order)
    return totals


def count_different(values: np.ndarray) -> int:
    return len(set(values.tolist()))


def label_totals(payments: pd.DataFrame, entity: str) -> dict[str, pd.Series]:
    """Known labels and frauds by window, the time of the first fraud report, and a terminal's run of frauds."""
    columns = ["known_at", entity, "fraud", "occurred_at_ms", "unusual"]
    labels = payments.loc[payments["known_at"].notna(), columns].sort_values("known_at")
    groups = labels.groupby(entity)
    labels["labels"] = groups.cumcount() + 1.0
    labels["frauds"] = groups["fraud"].cumsum().astype(float)
    labels["first_fraud"] = labels["known_at"].where(labels["fraud"] == 1).groupby(labels[entity]).transform("min")
    later = ["first_fraud"]
    if entity == "terminal":
        truths = [labels[column].to_numpy() for column in ("terminal", "occurred_at_ms", "fraud")]
        runs = runs_of_frauds(*truths, explained=labels["unusual"].to_numpy() == 1)
        labels = labels.assign(**runs)
        later += list(runs)
    counts = ["known_at", entity, "labels", "frauds"]
    now = known_by(payments, labels[counts + later], entity, pd.Timedelta(0))
    totals = {column: now[column] for column in later}
    for window in LABEL_WINDOWS:
        before = known_by(payments, labels[counts], entity, pd.Timedelta(window))
        for column in ("labels", "frauds"):
            totals[f"{column}_{window}"] = now[column].fillna(0) - before[column].fillna(0)
    return totals


def known_by(payments: pd.DataFrame, labels: pd.DataFrame, entity: str, ago: pd.Timedelta) -> pd.DataFrame:
    times = pd.DataFrame({"known_at": payments["at"] - ago, entity: payments[entity]})
    return pd.merge_asof(times, labels, on="known_at", by=entity)


def seconds(gap: pd.Series) -> pd.Series:
    return (gap.dt.total_seconds()).where(gap <= HORIZON, NEVER_SECONDS)


def compare_with_past(payments: pd.DataFrame, totals: dict[str, pd.Series], entity: str, window: str):
    """Mean and sample standard deviation of the earlier payments; NaN if there are too few."""
    count = totals[f"{entity}_one_{window}"] - 1
    total = totals[f"{entity}_amount_{window}"] - payments["amount"]
    squares = totals[f"{entity}_square_{window}"] - payments["square"]
    mean = total / count.where(count > 0)
    variance = (squares - total * mean) / (count - 1).where(count > 1)
    return mean, np.sqrt(variance.clip(lower=0))


def distance_from_home(payments: pd.DataFrame) -> pd.Series:
    parts = ["x", "y", "z"]
    home = payments.groupby("card")[parts].cumsum() - payments[parts]
    length = np.sqrt((home**2).sum(axis=1, skipna=False))
    away = home.div(length.where(length > 0), axis=0) - payments[parts]
    chord = np.sqrt((away**2).sum(axis=1, skipna=False))
    return (2 * EARTH_RADIUS_KM * np.arcsin((chord / 2).clip(upper=1))).fillna(-1)


def pair_features(payments: pd.DataFrame) -> dict[str, pd.Series]:
    pairs = payments.groupby(["card", "terminal"])
    gap = pairs["at"].diff()
    is_new = gap.isna() | (gap >= HORIZON)
    number = pairs.cumcount()
    first = number.where(is_new).groupby([payments["card"], payments["terminal"]]).ffill()
    return {
        "card_terminal_is_new": is_new,
        "card_terminal_count": number - first + 1,
        "card_terminal_seconds_since_last": seconds(gap),
    }


def amount_features(payments: pd.DataFrame, totals: dict[str, pd.Series], entity: str) -> dict[str, pd.Series]:
    windows = [window for window, columns in SUMS[entity].items() if "one" in columns]
    features = {f"{entity}_count_{NAMES[window]}": totals[f"{entity}_one_{window}"] for window in windows}
    for window in {"card": ["1h", "1D", "7D"], "terminal": []}[entity]:
        features[f"{entity}_sum_{NAMES[window]}"] = totals[f"{entity}_amount_{window}"]
    for window in {"card": ["1D", "7D", "30D"], "terminal": ["30D"]}[entity]:
        mean = totals[f"{entity}_amount_{window}"] / totals[f"{entity}_one_{window}"]
        features[f"{entity}_mean_{NAMES[window]}"] = mean
    for window in MAXIMA[entity]:
        features[f"{entity}_max_{NAMES[window]}"] = totals[f"{entity}_max_{window}"]
    for window in {"card": ["7D", "30D"], "terminal": ["30D"]}[entity]:
        mean, deviation = compare_with_past(payments, totals, entity, window)
        score = (payments["amount"] - mean) / deviation.where(deviation > 1e-4)
        features[f"{entity}_z_score_{NAMES[window]}"] = score.fillna(0)
        if (entity, window) == ("card", "30D"):
            features["card_std_30d"] = deviation.fillna(0)
            features["card_ratio_30d"] = (payments["amount"] / mean.where(mean > 1e-6)).fillna(1)
    features[f"{entity}_seconds_since_last"] = seconds(payments.groupby(entity)["at"].diff())
    partners = {"card": "terminals", "terminal": "cards"}[entity]
    for window in DISTINCT:
        features[f"{entity}_{partners}_{NAMES[window]}"] = totals[f"{entity}_distinct_{window}"]
    return features


def unusual_features(payments: pd.DataFrame, totals: dict[str, pd.Series]) -> dict[str, pd.Series]:
    features = {"card_ratio_usual": payments["ratio"].fillna(1)}
    for window in UNUSUAL_WINDOWS:
        features[f"card_unusual_{NAMES[window]}"] = totals[f"card_unusual_{window}"] - payments["unusual"]
    # A window with an open end excludes the payment itself.
    unusual = payments.assign(ratio=payments["ratio"].where(payments["unusual"] == 1))
    largest = unusual.groupby("card").rolling("7D", on="at", closed="neither")["ratio"].max()
    order = np.argsort(payments["card"].to_numpy(), kind="stable")
    # Truncates the ratio to thousandths.
    features["card_unusual_max_7d"] = np.floor(in_row_order(largest, order).fillna(0) * 1000) / 1000
    return features


def label_features(payments: pd.DataFrame, entity: str) -> dict[str, pd.Series]:
    totals = label_totals(payments, entity)
    features = {}
    for window in {"card": ["7D", "30D"], "terminal": ["1D", "7D", "30D"]}[entity]:
        labels, frauds = totals[f"labels_{window}"], totals[f"frauds_{window}"]
        features[f"{entity}_fraud_count_{NAMES[window]}"] = frauds
        if entity == "terminal":
            features[f"terminal_fraud_rate_{NAMES[window]}"] = (frauds / labels.where(labels > 0)).fillna(0)
    for window in ["1D", "7D", "14D", "28D"]:
        labels, frauds = totals[f"labels_{window}"], totals[f"frauds_{window}"]
        features[f"{entity}_risk_{NAMES[window]}"] = (frauds + PRIOR * WEIGHT) / (labels + WEIGHT)
    since = (payments["at"] - totals["first_fraud"]).dt.total_seconds() * 1000 / DAY_MS
    features[f"{entity}_days_since_first_fraud"] = since.where(since >= 0, NEVER_DAYS)
    if entity == "terminal":
        for name, column in {"last_genuine": "genuine_ms", "run_began": "began_ms"}.items():
            days = (payments["occurred_at_ms"] - totals[column]) / DAY_MS
            features[f"terminal_days_since_{name}"] = days.fillna(NEVER_DAYS)
        features["terminal_run_count"] = totals["run"].fillna(0)
    return features


def main() -> None:
    source, target = sys.argv[1:]
    payments = read_payments(source)
    totals = rolling_totals(payments)
    weekday = payments["at"].dt.day_of_week + 1
    hour = payments["at"].dt.hour
    features = {
        "amount": payments["amount"],
        "hour_of_day": hour,
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "is_night": hour < 7,
        "card_distance_from_home": distance_from_home(payments),
        **pair_features(payments),
        **unusual_features(payments, totals),
    }
    for entity in PARTNERS:
        features |= amount_features(payments, totals, entity)
        features |= label_features(payments, entity)
    ids = ["client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud"]
    table = payments[ids].assign(**{name: column.astype(float) for name, column in features.items()})
    table.to_parquet(target, compression="zstd", index=False)


if __name__ == "__main__":
    main()

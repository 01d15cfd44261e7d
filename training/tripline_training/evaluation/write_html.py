"""The evaluation as one HTML file: no script, no style sheet, no picture from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Any

from tripline_training.evaluation.draw_svg import Axis, Line, draw_lines

MEASURES = {
    "average_precision": "average precision",
    "auc_roc": "AUC ROC",
    "card_precision_at_100": "Card Precision@100",
    "recall_at_fpr_0.001": "recall at 0.1 % false positives",
    "recall_at_fpr_0.005": "recall at 0.5 % false positives",
    "recall_at_fpr_0.01": "recall at 1 % false positives",
    "recall_at_fpr_0.05": "recall at 5 % false positives",
    "ece": "expected calibration error",
    "money_saved": "money saved",
    "money_saved_share": "share of the possible savings",
}
STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:980px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.25em .8em;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child,td.text,th.text{text-align:left}h2{margin-top:2em}.note{color:#666}"
    ".plots{display:flex;flex-wrap:wrap;gap:1em}"
)


def html_of(report: dict[str, Any]) -> str:
    data, money = report["data"], report["money"]
    title = f"Evaluation of {report['model']['name']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{data['rows']:,} payments of {data['cards']:,} cards from {data['from']} to {data['to']}, "
        f"{data['frauds']:,} of them fraud ({data['frauds'] / data['rows']:.3%}). Model sha256 "
        f"<code>{report['model']['sha256'][:12]}</code>, data sha256 <code>{data['sha256'][:12]}</code>.</p>",
        "<h2>Measures</h2>",
        _measures_table(report["measures"]),
        f'<p class="note">Intervals hold 95 % of {report["bootstrap"]["replicates"]} bootstrap samples of whole cards '
        f"(seed {report['bootstrap']['seed']}).</p>",
        '<div class="plots">',
        *_plots(report),
        "</div>",
        "<h2>Money</h2>",
        _money(report["costs"], money),
        "<h2>Segments</h2>",
        _segments_table(report["segments"]),
        _terminals(report["missed_terminals"]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _measures_table(measures: dict[str, dict[str, float | None]]) -> str:
    rows = []
    for name, words in MEASURES.items():
        value, low, high = (measures[name][key] for key in ("value", "low", "high"))
        form = ",.0f" if name == "money_saved" else ".4f"
        interval = "" if low is None or high is None else f"{low:{form}} to {high:{form}}"
        rows.append([words, f"{value:{form}}", interval])
    return _table(["measure", "value", "95 % interval"], rows)


def _money(costs: dict[str, float], money: dict[str, float]) -> str:
    return (
        f"<p>A fraud that passes costs {costs['lost_share']:.0%} of its amount and a fee of "
        f"{costs['chargeback_fee']:g}; stopping a payment costs a review of {costs['review_cost']:g}, and "
        f"{costs['friction_share']:.0%} of the amount where it was genuine. Payments are stopped where that is "
        "expected to gain, given the score as a probability; no threshold is chosen on these payments.</p>"
        f"<p>{money['stopped']:,} payments would be stopped, {money['stopped_frauds']:,} of them fraud. That saves "
        f"<b>{money['saved']:,.0f}</b> against letting all pass, {money['saved_share']:.1%} of the "
        f"{money['possible']:,.0f} that perfect knowledge would save.</p>"
    )


def _segments_table(segments: list[dict[str, Any]]) -> str:
    heads = ["segment", "part", "payments", "frauds", "share", "mean score", "AP", "AUC", "saved", "of possible"]
    rows = [
        [
            part["kind"],
            part["name"],
            f"{part['rows']:,}",
            f"{part['frauds']:,}",
            f"{part['frauds'] / part['rows']:.3%}",
            f"{part['predicted']:.3%}",
            _figure(part["average_precision"]),
            _figure(part["auc_roc"]),
            f"{part['money_saved']:,.0f}",
            f"{part['money_saved_share']:.0%}",
        ]
        for part in segments
    ]
    return _table(heads, rows, texts=2)


def _terminals(terminals: list[dict[str, Any]]) -> str:
    if not terminals:
        return "<p>No fraud was let pass.</p>"
    rows = [
        [part["terminal"], f"{part['missed_frauds']}", f"{part['frauds']}", f"{part['missed_amount']:,.2f}"]
        for part in terminals
    ]
    return "<h3>Terminals with most missed fraud</h3>" + _table(["terminal", "missed", "frauds", "amount missed"], rows)


def _plots(report: dict[str, Any]) -> list[str]:
    curves, bins = report["curves"], report["calibration"]
    share = Axis("recall", 0, 1)
    predicted, observed = [p["predicted"] for p in bins], [p["observed"] for p in bins]
    # Most scores are small: both axes are logarithmic, from just below the smallest share that is above 0.
    low = max(min([value for value in [*predicted, *observed] if value > 0]) / 2, 1e-6)
    diagonal = Line("perfect", [low, 1], [low, 1], dashed=True)
    saved = curves["saved"]
    top = max(*saved, report["money"]["saved"], 1.0) * 1.1
    bottom = min(0.0, max(min(saved), -top))
    return [
        draw_lines(
            "Precision and recall", share, Axis("precision", 0, 1), [Line("", curves["recall"], curves["precision"])]
        ),
        draw_lines(
            "Recall by false positives",
            Axis("false-positive rate", 1e-4, 1, logarithmic=True),
            Axis("recall", 0, 1),
            [Line("", curves["false_positive_rate"], curves["recall"])],
        ),
        draw_lines(
            "Reliability",
            Axis("mean score of the bin", low, 1, logarithmic=True),
            Axis("share of fraud", low, 1, logarithmic=True),
            [Line("observed", predicted, observed, dots=True), diagonal],
        ),
        draw_lines(
            "Money saved",
            Axis("threshold", curves["threshold"][0], 1, logarithmic=True),
            Axis("saved", bottom, top),
            [
                Line("one threshold", curves["threshold"], saved),
                Line("by expected cost", [curves["threshold"][0], 1], [report["money"]["saved"]] * 2, dashed=True),
            ],
        ),
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=text' if position < texts else ''}>{escape(text)}</{tag}>"
            for position, text in enumerate(row)
        )

    lines = [cells("th", heads), *(cells("td", row) for row in rows)]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _figure(value: float | None) -> str:
    return "too few frauds" if value is None else f"{value:.3f}"

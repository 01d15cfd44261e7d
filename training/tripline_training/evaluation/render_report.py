"""The evaluation as a self-contained HTML file, without scripts or external resources."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tripline_training.evaluation.draw_lines import Axis, Line, draw_lines
from tripline_training.evaluation.measures import MEASURE_TITLES

TEMPLATE = "report.html.j2"


def render_report(report: dict[str, Any]) -> str:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["number"] = format
    return templates.get_template(TEMPLATE).render(report, titles=MEASURE_TITLES, charts=_charts(report))


def _charts(report: dict[str, Any]) -> list[str]:
    curves, bins, saved_by_cost = report["curves"], report["calibration"], report["money"]["saved"]
    recall = Axis("recall", 0, 1, format="%")
    predicted, observed = [p["predicted"] for p in bins], [p["observed"] for p in bins]
    # Most scores are small, so both axes are logarithmic and start just below the smallest share above 0.
    low = max(min([value for value in [*predicted, *observed] if value > 0]) / 2, 1e-6)
    saved, first = curves["saved"], curves["threshold"][0]
    top = max(*saved, saved_by_cost, 1.0) * 1.1
    bottom = min(0.0, max(min(saved), -top))
    return [
        draw_lines(
            "Precision and recall",
            recall,
            Axis("precision", 0, 1, format="%"),
            [Line("", curves["recall"], curves["precision"])],
        ),
        draw_lines(
            "Recall by false-positive rate",
            Axis("false-positive rate", 1e-4, 1, logarithmic=True, format="~%"),
            recall,
            [Line("", curves["false_positive_rate"], curves["recall"])],
        ),
        draw_lines(
            "Reliability",
            Axis("mean score of the bin", low, 1, logarithmic=True, format="~%"),
            Axis("share of fraud", low, 1, logarithmic=True, format="~%"),
            [Line("observed", predicted, observed, dots=True), Line("perfect", [low, 1], [low, 1], dashed=True)],
        ),
        draw_lines(
            "Money saved",
            Axis("threshold", first, 1, logarithmic=True),
            Axis("saved", bottom, top, format="~s"),
            [
                Line("one threshold", curves["threshold"], saved),
                Line("by expected cost", [first, 1], [saved_by_cost] * 2, dashed=True),
            ],
        ),
    ]

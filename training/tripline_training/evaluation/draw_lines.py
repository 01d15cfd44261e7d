"""Line charts as SVG, drawn by Vega-Lite. CSS variables of the page define their colours."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

WIDTH, HEIGHT = 300, 210
COLOURS = tuple(f"var(--line-{number})" for number in (1, 2, 3, 4))
SOLID, DASHED = [1, 0], [5, 4]


@dataclass(frozen=True)
class Line:
    name: str
    """Shown in a legend; empty if the chart has only one line."""
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False
    """Whether to draw the points as well."""
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    title: str
    low: float
    high: float
    """Above `low`. On a logarithmic axis, both are above 0. Points outside are drawn at the nearer end."""
    logarithmic: bool = False
    format: str = "~g"
    """A format of D3: https://d3js.org/d3-format#locale_format"""


def draw_lines(title: str, x_axis: Axis, y_axis: Axis, lines: Sequence[Line]) -> str:
    names = [line.name for line in lines]
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=300) if any(names) else None
    dashes = [DASHED if line.dashed else SOLID for line in lines]
    layers = [
        alt.Chart(alt.Data(values=[{"x": x, "y": y, "line": line.name} for x, y in zip(line.x, line.y, strict=True)]))
        # Without an order, points are joined in the given order instead of by their position on the x axis.
        .mark_line(point=alt.OverlayMarkDef(size=36) if line.dots else False, order=False)
        .encode(
            x=alt.X("x:Q", **_axis(x_axis)),
            y=alt.Y("y:Q", **_axis(y_axis)),
            color=alt.Color("line:N", scale=alt.Scale(domain=names, range=COLOURS[: len(lines)]), legend=legend),
            strokeDash=alt.StrokeDash("line:N", scale=alt.Scale(domain=names, range=dashes), legend=legend),
        )
        for line in lines
    ]
    chart = alt.layer(*layers, title=title, width=WIDTH, height=HEIGHT, background="transparent")
    svg = io.StringIO()
    _styled(chart).save(svg, format="svg")
    return svg.getvalue()


def _styled(chart: alt.LayerChart) -> alt.LayerChart:
    return chart.configure(
        font="system-ui, sans-serif",
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(color="currentColor", fontSize=15, anchor="start", offset=10),
        axis=alt.AxisConfig(
            labelColor="var(--muted)",
            titleColor="var(--muted)",
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor="var(--grid)",
            domain=False,
            ticks=False,
            labelPadding=6,
        ),
        legend=alt.LegendConfig(labelColor="currentColor", labelFontSize=12),
        line=alt.LineConfig(strokeWidth=2),
    )


def _axis(axis: Axis) -> dict[str, alt.Scale | alt.Axis]:
    kind = "log" if axis.logarithmic else "linear"
    scale = alt.Scale(type=kind, domain=[axis.low, axis.high], clamp=True, nice=False, zero=False)
    ticks = {"values": _powers_of_ten(axis)} if axis.logarithmic else {"tickCount": 5}
    return {"scale": scale, "axis": alt.Axis(title=axis.title, format=axis.format, **ticks)}


def _powers_of_ten(axis: Axis) -> list[float]:
    first, last = math.ceil(math.log10(axis.low) - 1e-9), math.floor(math.log10(axis.high) + 1e-9)
    return [10.0**power for power in range(first, last + 1)]

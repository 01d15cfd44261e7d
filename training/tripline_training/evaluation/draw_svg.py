"""Line charts as SVG text, so that a report is one file that opens anywhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 44
COLOURS = ("#1f5fa8", "#c2571a", "#4b8b3b", "#777777")
TICKS = 5


@dataclass(frozen=True)
class Line:
    name: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False
    """Draw the points themselves as well."""
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    title: str
    low: float
    high: float
    """Above `low`. On a logarithmic axis both are above 0, and points at or below `low` are drawn at its end."""
    logarithmic: bool = False


def draw_lines(title: str, x_axis: Axis, y_axis: Axis, lines: Sequence[Line]) -> str:
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11">',
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="bold">{escape(title)}</text>',
        *_grid(x_axis, y_axis),
    ]
    for position, line in enumerate(lines):
        colour = COLOURS[position % len(COLOURS)]
        points = [(_place_x(x, x_axis), _place_y(y, y_axis)) for x, y in zip(line.x, line.y, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        if line.dots:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in points]
    parts.append(_legend(lines))
    return "".join([*parts, "</svg>"])


def _legend(lines: Sequence[Line]) -> str:
    """In the row of the title, each name in the colour of its line."""
    names = [
        f'<tspan fill="{COLOURS[position % len(COLOURS)]}" dx="10">{escape(line.name)}</tspan>'
        for position, line in enumerate(lines)
        if line.name
    ]
    return f'<text x="{WIDTH - RIGHT}" y="16" text-anchor="end">{"".join(names)}</text>' if names else ""


def _grid(x_axis: Axis, y_axis: Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in _ticks(x_axis):
        x = _place_x(value, x_axis)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{_number(value)}</text>')
    for value in _ticks(y_axis):
        y = _place_y(value, y_axis)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_axis.title)}</text>')
    across = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 14 {across})"'
    parts.append(f'<text x="14" y="{across}" text-anchor="middle" {turned}>{escape(y_axis.title)}</text>')
    return parts


def _ticks(axis: Axis) -> list[float]:
    if axis.logarithmic:
        first, last = math.ceil(math.log10(axis.low) - 1e-9), math.floor(math.log10(axis.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]
    # Steps of 1, 2 or 5 times a power of ten, so that people can read them.
    rough = (axis.high - axis.low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _share(value: float, axis: Axis) -> float:
    if not axis.logarithmic:
        share = (value - axis.low) / (axis.high - axis.low)
    else:
        low, high = math.log(axis.low), math.log(axis.high)
        share = (math.log(max(value, axis.low)) - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def _place_x(value: float, axis: Axis) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * _share(value, axis)


def _place_y(value: float, axis: Axis) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * _share(value, axis)

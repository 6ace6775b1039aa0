"""A chart over time as SVG: stacked bars, one for each step, in the colours of the style sheet. Pure functions.

Everything that it shows stands in a table beside it, so for those who hear a page it is one picture with a name and a
sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..markup import Markup, tag

WIDTH, HEIGHT, FOOT, MARGIN, HEAD = 720, 200, 24, 48, 8
#: What is stacked, from below: each has a class in the style sheet.
SERIES = ("delivered", "queued", "deferred", "bounced", "failed", "expired", "suppressed")
LABELS = 8  #: under the bars at most


def bars(name: str, told: str, steps: Sequence[tuple[str, Mapping[str, int]]]) -> Markup:
    """The counts of each step, labelled by when it begins; `told` is the chart in a sentence."""
    most = scale(max([sum(counts.get(each, 0) for each in SERIES) for _, counts in steps], default=0))
    wide = (WIDTH - MARGIN) / max(len(steps), 1)
    shapes: list[str] = [tag("title", name, id="chart-title"), tag("desc", told, id="chart-told")]
    for part in (0, most // 2, most) if most > 1 else (0, most):
        y = HEAD + HEIGHT - part / most * HEIGHT
        shapes.append(tag("path", d=f"M{MARGIN} {y:.1f}H{WIDTH}", class_="grid"))
        shapes.append(tag("text", short(part), x=str(MARGIN - 6), y=f"{y + 4:.1f}", class_="height"))
    for place, (label, counts) in enumerate(steps):
        top = float(HEAD + HEIGHT)
        left = MARGIN + place * wide
        said = ", ".join(f"{counts[each]} {each}" for each in SERIES if counts.get(each))
        stack: list[str] = [tag("title", f"{label}: {said or 'nothing'}")]
        for each in SERIES:
            if tall := counts.get(each, 0) / most * HEIGHT:
                top -= tall
                stack.append(_rect(left + wide * 0.1, top, wide * 0.8, tall, f"bar {each}"))
        stack.append(_rect(left, HEAD, wide, HEIGHT, "hit"))
        shapes.append(tag("g", *stack))
    every = -(-len(steps) // LABELS) or 1
    for place in range(0, len(steps), every):
        shapes.append(tag("text", steps[place][0], x=f"{MARGIN + place * wide:.1f}", y=str(HEAD + HEIGHT + FOOT - 6)))
    return tag(
        "svg", *shapes, viewBox=f"0 0 {WIDTH} {HEAD + HEIGHT + FOOT}", role="img", aria_labelledby="chart-title",
        aria_describedby="chart-told", class_="chart", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def scale(most: int) -> int:
    """The least round number that is not below: 1, 2 or 5, and noughts; at least 1."""
    unit = 10 ** max(len(str(most)) - 1, 0)
    return next(each * unit for each in (1, 2, 5, 10) if each * unit >= most) if most else 1


def short(number: int) -> str:
    """A round number in few characters."""
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return str(number)


def _rect(x: float, y: float, width: float, height: float, style: str) -> Markup:
    return tag("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}", class_=style)


def legend(counts: Mapping[str, int]) -> Markup:
    """What the colours mean, of what there is."""
    there = [each for each in SERIES if counts.get(each)]
    return tag("ul", *(tag("li", tag("i", class_=each), each) for each in there), class_="legend", aria_hidden="true")

"""A chart over time as SVG: stacked bars, one for each step, in the colours of the style sheet. A pure function.

Everything that it shows stands in a table beside it, so for those who hear a page it is one picture with a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..markup import Markup, tag

WIDTH, HEIGHT, FOOT = 720, 200, 24
#: What is stacked, from below: each has a class in the style sheet.
SERIES = ("delivered", "queued", "deferred", "bounced", "failed", "expired", "suppressed")
LABELS = 8  #: under the bars at most


def bars(name: str, steps: Sequence[tuple[str, Mapping[str, int]]]) -> Markup:
    """The counts of each step, labelled by when it begins."""
    most = max([sum(counts.get(each, 0) for each in SERIES) for _, counts in steps], default=0) or 1
    wide = WIDTH / max(len(steps), 1)
    shapes: list[str] = []
    for place, (label, counts) in enumerate(steps):
        top = float(HEIGHT)
        told = ", ".join(f"{counts[each]} {each}" for each in SERIES if counts.get(each))
        stack: list[str] = [tag("title", f"{label}: {told or 'nothing'}")]
        for each in SERIES:
            if tall := counts.get(each, 0) / most * HEIGHT:
                top -= tall
                stack.append(_rect(place * wide + wide * 0.1, top, wide * 0.8, tall, f"bar {each}"))
        stack.append(_rect(place * wide, 0, wide, HEIGHT, "hit"))
        shapes.append(tag("g", *stack))
    every = -(-len(steps) // LABELS) or 1
    for place in range(0, len(steps), every):
        shapes.append(tag("text", steps[place][0], x=f"{place * wide:.1f}", y=str(HEIGHT + FOOT - 6)))
    box = f"0 0 {WIDTH} {HEIGHT + FOOT}"
    return tag(
        "svg", *shapes, viewBox=box, role="img", aria_label=name, class_="chart", xmlns="http://www.w3.org/2000/svg"
    )


def _rect(x: float, y: float, width: float, height: float, style: str) -> Markup:
    return tag("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}", class_=style)


def legend(counts: Mapping[str, int]) -> Markup:
    """What the colours mean, of what there is."""
    there = [each for each in SERIES if counts.get(each)]
    return tag("ul", *(tag("li", tag("i", class_=each), each) for each in there), class_="legend", aria_hidden="true")

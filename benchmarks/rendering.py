"""What a template costs: the relay's share of a rendering in a child, and the child's own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from mailrelay.mail import template
from mailrelay.mail.rendering import Frames, Rendering, Source, pack_rendered, pack_rendering, rendering_of
from mailrelay.relay.render import RenderPool

ROWS = "{% for item in items %}<tr><td>{{ item.name }}</td><td>{{ item.price }}</td></tr>\n{% endfor %}"
#: An order confirmation: a subject, 6 kB of HTML around ten rows of values, and a text.
RENDERING = Rendering(
    {
        "subject": Source("Your order {{ order }}"),
        "html": Source(
            "<p>Dear {{ name }},</p>\n" + "<p>some words</p>\n" * 300 + f"<table>{ROWS}</table>", "jinja-html"
        ),
        "text": Source("Dear {{ name }},\n" + "some words\n" * 50),
    },
    json.dumps(
        {"order": 17, "name": "Ann & Bob", "items": [{"name": f"thing {n}", "price": f"{n}.00"} for n in range(10)]}
    ),
)


async def in_children(reactor: Any, run: Callable[[Callable[[int], Any]], Awaitable[Any]]) -> None:
    """Have `run` ask for renderings of a pool that has done some before."""
    pool = RenderPool(reactor)
    for _ in range(10):
        await pool.render(RENDERING)
    await run(lambda _: pool.render(RENDERING))
    await pool.stop()


def as_child(count: int) -> None:
    """What a child does for each: unpack, render what is compiled, pack."""
    octets, frames = pack_rendering(RENDERING), Frames()
    for _ in range(count):
        for frame in frames.feed(octets):
            pack_rendered(template.render(rendering_of(*frame)))

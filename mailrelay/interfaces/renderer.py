"""What preparing a message and keeping a template need of whoever renders: texts out of sources, somewhere else.

Somewhere else, because a template is the text of a stranger: it may neither stall the reactor nor fill its memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.rendering import Rendering


class IRenderer(Interface):
    """Renders sources, or only checks that they can be compiled."""

    def render(rendering: Rendering) -> Deferred[Mapping[str, str]]:
        """The text of each source by its name; none when the rendering only checks.

        Fails with `Refusal` "template_failed" and a `reason` on one line when a source or the variables are wrong, or
        take too much time, memory or room; with `Refusal` "temporary" when it cannot be told just now.
        """

"""The memory twin of the renderer: renders here and now, in the process of the test, with nothing to bound it."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailrelay.interfaces.renderer import IRenderer
from mailrelay.mail import template
from mailrelay.mail.rendering import Rendering
from mailrelay.relay.render_command import failed


@implementer(IRenderer)
class RenderHere:
    """Every Deferred has fired when it is given; `asked` are the renderings in order."""

    def __init__(self) -> None:
        self.asked: list[Rendering] = []

    def render(self, rendering: Rendering) -> Deferred[Mapping[str, str]]:
        self.asked.append(rendering)
        rendered = template.render(rendering)
        return fail(failed(rendered.fault)) if rendered.fault else succeed(rendered.texts)

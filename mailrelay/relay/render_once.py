"""Renders without a reactor: one child for each rendering, waited for. For commands, which have nothing else to do."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ..interfaces.renderer import IRenderer
from ..mail.rendering import FrameError, Frames, Rendering, oversize, pack_rendering, rendered_of
from ..mail.reply import Refusal
from .render_child import READY
from .render_command import command, failed, fault_of

#: Seconds for the start of a child and one rendering.
PATIENCE = 30.0


@implementer(IRenderer)
class RenderOnce:
    """Every Deferred has fired when it is given."""

    def render(self, rendering: Rendering) -> Deferred[Mapping[str, str]]:
        return execute(_render, rendering)


def _render(rendering: Rendering) -> Mapping[str, str]:
    if too_large := oversize(rendering):
        raise failed(too_large)
    try:
        child = subprocess.run(
            command(), input=pack_rendering(rendering), capture_output=True, timeout=PATIENCE, env={}, check=False
        )
        answers = [rendered_of(*frame) for frame in Frames().feed(child.stdout.removeprefix(READY))]
    except (OSError, subprocess.TimeoutExpired, FrameError) as error:
        raise Refusal("temporary", rule="renderer", facts={"error": str(error)}) from error
    ended_by = -child.returncode if child.returncode < 0 else None
    fault = answers[0].fault if answers else fault_of(ended_by, child.returncode)
    if fault:
        raise failed(fault)
    if not answers:
        said = child.stderr.decode("utf-8", "replace").strip()
        raise Refusal("temporary", rule="renderer", facts={"error": f"status {child.returncode}: {said}"})
    return answers[0].texts

"""What a public page needs of the relay to show a message in the browser."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class WebVersion:
    """What one recipient reads in the mail: the text, whether it is HTML, and where the public pages show it, "" where
    they do not."""

    text: str
    html: bool
    url: str = ""


class IWebVersions(Interface):
    """Messages as they were sent to one recipient each."""

    def read(recipient: str) -> Deferred[WebVersion]:
        """Compose what was sent anew; fails with `KeyError` when it is not kept any more."""

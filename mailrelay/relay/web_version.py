"""Messages in the browser: composed anew for one recipient from the stored source, as they were for its mail.

HTML where there is some, else plain text; attachments and what only a mail program can show are not in it. Nothing here
is a page yet: what was written by strangers is handed over as it stands.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ..interfaces.bodies import IBodies
from ..interfaces.engagement import IEngagement
from ..interfaces.web_version import IWebVersions, WebVersion
from ..mail.envelope import Delivery
from ..mail.leaves import leaves
from ..mail.links import in_place
from ..mail.message import Message
from .aside import AT_ONCE, Aside
from .personal import Site, personalise, web_version


@implementer(IWebVersions)
class WebVersions:
    """Over what the store knows of a recipient, and of its message."""

    def __init__(self, engagement: IEngagement, bodies: IBodies, site: Site | None, aside: Aside = execute) -> None:
        """Without a `site` there are no links of ours in them. `aside` calls a function in a thread, which large
        messages are for."""
        self._engagement = engagement
        self._bodies = bodies
        self._site = site
        self._aside = aside

    def read(self, recipient: str) -> Deferred[WebVersion]:
        return Deferred.fromCoroutine(self._read(recipient))

    async def _read(self, recipient: str) -> WebVersion:
        delivery = await self._engagement.delivery(recipient)
        source = await self._bodies.read(delivery.message)
        if len(source) <= AT_ONCE:
            return self._shown(source, delivery)
        shown: WebVersion = await self._aside(self._shown, source, delivery)
        return shown

    def _shown(self, source: bytes, delivery: Delivery) -> WebVersion:
        texts = leaves(personalise(Message.parse(source), delivery, self._site))
        shown = next((leaf for leaf in texts if leaf.html), texts[0] if texts else None)
        if shown is None:
            return WebVersion("", False)
        url = web_version(delivery, self._site)
        # a page that may open no windows would do nothing at a click on a link that asks for one
        octets = in_place(shown.octets) if shown.html else shown.octets
        return WebVersion(octets.decode(shown.codec, "replace"), shown.html, url)

"""HTML of strangers that a page shows in a frame: kept for a short while, each under a name that nobody can guess.

A frame is a document of its own with a policy of its own: nothing in it runs, loads or reaches the page around it
(H11). What is kept is bounded, and the oldest goes first; a frame whose document has gone says so.
"""

from __future__ import annotations

from collections import OrderedDict

from klein import Klein
from twisted.web.server import Request

from ...manage.errors import Unknown
from ..markup import Markup, tag
from ..pages import send_framed
from ..views import FRAME, framed
from .frame import Console

PATH = "/console/preview"
MOST, MOST_OCTETS = 50, 20 << 20  #: documents, and what they have together


class Previews:
    """The documents that frames may ask for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def frame(self, name: str, html: str) -> Markup:
        """A frame that shows HTML; `name` is nobody else's to know."""
        self._kept[name] = framed(html)
        while len(self._kept) > 1 and (len(self._kept) > MOST or sum(map(len, self._kept.values())) > MOST_OCTETS):
            self._kept.popitem(last=False)
        return tag("iframe", src=f"{PATH}/{name}", title="HTML, as it is read", sandbox=FRAME, class_="preview")

    def add_routes(self, app: Klein, console: Console) -> None:
        """Serve the documents."""

        @app.route(f"{PATH}/<string:name>", methods=["GET"])
        async def console_preview(request: Request, name: str) -> bytes:
            await console.visit(request)
            found = self._kept.get(name)
            if found is None:
                raise Unknown("preview", name)
            return send_framed(request, found)

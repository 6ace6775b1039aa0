"""HTML of strangers in a frame: a document of its own, for those who are signed in, and not for long."""

from __future__ import annotations

import re

from mailrelay.http.console import previews

from ..wire import ask
from .visiting import Visiting

_FRAME = re.compile(r'<iframe src="(/console/preview/[0-9a-f]{32})" [^>]*sandbox="([^"]*)"')


class PreviewTests(Visiting):
    def frame(self, html: str) -> str:
        page = self.upload("/console/templates/new", act="preview", name="x", html=html).text
        found = _FRAME.search(page)
        assert found is not None, page
        self.assertNotIn("allow-scripts", found[2])
        self.assertNotIn("allow-same-origin", found[2])
        self.assertNotIn(html, page)
        return found[1]

    def test_a_document_apart(self) -> None:
        """H11: the policy of the frame lets nothing run, load or be sent; the page has no part of it as markup; who is
        not signed in does not see it."""
        path = self.frame("<script>alert(1)</script>")
        answer = self.get(path)
        self.assertIn("<script>alert(1)</script>", answer.text)
        policy = answer.headers["content-security-policy"]
        for part in ("sandbox", "default-src 'none'", "form-action 'none'"):
            self.assertIn(part, policy)
        self.assertNotIn("allow-scripts", policy)
        self.assertEqual(ask(self.site, path).status, 303)

    def test_the_oldest_goes(self) -> None:
        """As many are kept as there may be, and no more."""
        self.patch(previews, "MOST", 2)
        paths = [self.frame(f"<p>{number}</p>") for number in range(3)]
        self.assertEqual([self.get(path).status for path in paths], [404, 200, 200])

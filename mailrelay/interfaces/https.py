"""What the relay needs of the web: a small file of a domain, and a report handed in."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface


class HttpsFailure(Exception):
    """It did not come to it; the text says why in one line. Asking again later may help."""


class IHttps(Interface):
    """Speaks HTTPS, with certificates that are verified, to hosts of the public Internet; follows nowhere else."""

    def get(url: str) -> Deferred[str]:
        """The text at a URL; fails with `HttpsFailure` only."""

    def post(url: str, octets: bytes, kind: str) -> Deferred[None]:
        """Hand in octets of a media type, fires when they were taken (2xx); fails with `HttpsFailure` only."""

"""What a listener offers a client: the EHLO keywords, and whether TLS and AUTH may or must be used.

It speaks for the listener's dialect only, so that what EHLO promised holds for the whole session, whoever logs in.
"""

from __future__ import annotations

from ..policy.dialect import Dialect
from .auth import MECHANISMS
from .listener import Listener


class Promise:
    """The offer of one session; `tls` tells whether it is encrypted by now, `certificate` whether it can be."""

    __slots__ = ("certificate", "dialect", "listener", "tls")

    def __init__(self, listener: Listener, dialect: Dialect, certificate: bool, tls: bool) -> None:
        self.listener = listener
        self.dialect = dialect
        self.tls = tls
        self.certificate = certificate

    @property
    def starttls(self) -> bool:
        """STARTTLS belongs to this listener."""
        return self.listener.tls == "starttls"

    @property
    def needs_tls(self) -> bool:
        """Neither AUTH nor MAIL before TLS."""
        return self.listener.tls_required and not self.tls

    @property
    def auth(self) -> bool:
        """AUTH belongs to this listener."""
        return self.listener.login == "auth" and "AUTH" in self.dialect.extensions

    @property
    def login_first(self) -> bool:
        """No MAIL before a login; where credentials are judged at end of data, the transaction brings its own."""
        return self.dialect.credentials_at == "auth"

    @property
    def any_path(self) -> bool:
        """A reverse path that is no address is as good as none."""
        return self.dialect.sender_path == "any"

    @property
    def utf8(self) -> bool:
        """SMTPUTF8 is offered."""
        return "SMTPUTF8" in self.dialect.extensions

    def keywords(self) -> list[str]:
        """The lines of the reply to EHLO, in the dialect's order."""
        lines = {
            "SIZE": f"SIZE {self.dialect.size}",
            "STARTTLS": "STARTTLS" if self.starttls and self.certificate and not self.tls else "",
            "AUTH": " ".join(["AUTH", *MECHANISMS]) if self.auth and not self.needs_tls else "",
        }
        return [line for each in self.dialect.extensions if (line := lines.get(each, each))]

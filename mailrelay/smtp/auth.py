"""SASL exchanges of AUTH: PLAIN (RFC 4616) and LOGIN, with and without initial response (RFC 4954).

An `Exchange` is fed the client's responses as they stand on the wire and asks for the next by the reply key of its
challenge, until it has `Credentials`. Base64 is read strictly. It judges no credential and never shows one.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from dataclasses import dataclass, field

from ..mail.reply import Refusal

#: Mechanisms by name, in the order offered, each with the challenges that it asks for.
MECHANISMS = {
    "PLAIN": ("auth_plain_challenge",),
    "LOGIN": ("auth_login_username", "auth_login_password"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is."""

    username: str
    password: str = field(repr=False)


class Exchange:
    """One AUTH command under way, by one of `MECHANISMS`."""

    __slots__ = ("_any_user", "_challenges", "_mechanism", "_responses")

    def __init__(self, mechanism: str, any_user: bool = False) -> None:
        """With `any_user` the user name counts for nothing, and may be empty."""
        self._mechanism = mechanism
        self._any_user = any_user
        self._challenges = MECHANISMS[mechanism]
        self._responses: list[str] = []

    def begin(self, initial: str) -> str | Credentials:
        """Take what stood behind the mechanism: "" nothing, "=" an empty response."""
        if not initial:
            return self._challenges[0]
        return self._take("" if initial == "=" else initial)

    def respond(self, line: str) -> str | Credentials:
        """Take one line of the client: the key of the next challenge, or the credentials.

        Raises `Refusal`: "auth_cancelled" for ``*``, "auth_malformed", or "auth_failed" where one user asks to act for
        another.
        """
        if line == "*":
            raise Refusal("auth_cancelled")
        return self._take(line)

    def _take(self, response: str) -> str | Credentials:
        if len(response) % 4:
            raise Refusal("auth_malformed")
        try:
            self._responses.append(a2b_base64(response.encode("ascii"), strict_mode=True).decode("utf-8"))
        except (Error, UnicodeError):
            raise Refusal("auth_malformed") from None
        if len(self._responses) < len(self._challenges):
            return self._challenges[len(self._responses)]
        if self._mechanism == "PLAIN":
            return _plain(self._responses[0], self._any_user)
        username, password = self._responses
        return _login(username, password, self._any_user)


def _plain(message: str, any_user: bool) -> Credentials:
    parts = message.split("\0")
    if len(parts) != 3 or not (parts[1] or any_user):
        raise Refusal("auth_malformed")
    identity, username, password = parts
    if not any_user and identity and identity.casefold() != username.casefold():
        raise Refusal("auth_failed", rule="authorization_identity")
    return Credentials(username, password)


def _login(username: str, password: str, any_user: bool) -> Credentials:
    if not (username or any_user) or "\0" in username or "\0" in password:
        raise Refusal("auth_malformed")
    return Credentials(username, password)

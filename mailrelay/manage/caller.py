"""Who asks: the value that a use case knows its caller by.

Command line, API and console make one and hand it on with `Installation.asked_by`. Rights, the audit log and what is
shown are decided by it alone. It holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What kinds of callers there are.
COMMAND_LINE, USER, TOKEN, DAEMON = "command line", "user", "token", "daemon"


@dataclass(frozen=True, slots=True)
class Caller:
    """`kind` is one of the constants above, `name` who it is in the audit log, `id` that of the user or token;
    `account` is the id of the account that the caller is bound to, "" for all. `acting` is the account that an
    administrator acts for at present. `scopes` are what a token may do, None for everything; `address` is where the
    request came from, "" for this machine."""

    kind: str = COMMAND_LINE
    name: str = ""
    id: str = ""
    administrator: bool = True
    account: str = ""
    acting: str = ""
    scopes: frozenset[str] | None = None
    address: str = ""

    @property
    def bound(self) -> str:
        """The id of the only account that the caller sees, "" for all."""
        return self.account or self.acting

    @property
    def sees_secrets(self) -> bool:
        """May a password or an API key be shown? Not to an administrator who acts for somebody else's account."""
        return not self.acting

    def sees(self, account: str) -> bool:
        """May the caller know that what belongs to this account exists?"""
        return self.bound in ("", account)

    def may(self, scope: str) -> bool:
        """Does what the caller holds allow this?"""
        return self.scopes is None or scope in self.scopes


#: The usual one: a person with a shell on the machine.
HERE = Caller(COMMAND_LINE, "command line")
#: The daemon itself, by its chores and at its start.
ITSELF = Caller(DAEMON, "daemon")

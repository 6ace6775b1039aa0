"""What is kept of the people who sign in: users and their sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

ADMINISTRATOR, MEMBER = "administrator", "member"
ACTIVE, BLOCKED = "active", "blocked"


@dataclass(frozen=True, slots=True)
class User:
    """A person: `name` is what they sign in with, folded to lower case; `account` the id of a member's account, "" of
    an administrator. `password` is Argon2id text. `totp` and `totp_offered` are sealed secrets of one-time codes, in
    force and waiting to be confirmed, "" for none; `totp_step` is the last step of time whose code was used, `recovery`
    the keyed digests of the codes that replace one each."""

    id: str
    name: str
    role: str
    account: str
    password: str = field(repr=False)
    status: str = ACTIVE
    totp: str = field(default="", repr=False)
    totp_offered: str = field(default="", repr=False)
    totp_step: int = 0
    recovery: tuple[str, ...] = field(default=(), repr=False)
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser, known by the keyed `digest` of its token. `acting` is the account that an administrator acts
    for, "" for none."""

    digest: str = field(repr=False)
    user: str
    created_at: int
    seen_at: int
    address: str = ""
    agent: str = ""
    acting: str = ""


class IPeople(Interface):
    """Users and sessions."""

    def users() -> Deferred[Sequence[User]]:
        """Everybody, oldest first."""

    def named(name: str) -> Deferred[User | None]:
        """Who signs in with this name."""

    def add(user: User) -> Deferred[None]:
        """Keep a new user; fails with `registry.Taken` when the name is another's."""

    def change(id: str, changes: Mapping[str, object], end_sessions: bool = False) -> Deferred[User]:
        """Set fields of a user and, in the same commit, end the sessions; fails with `KeyError`."""

    def use_step(id: str, step: int) -> Deferred[bool]:
        """Use up the code of a step of time; False when that one or a later one was used."""

    def use_recovery(id: str, digest: str) -> Deferred[bool]:
        """Use up a recovery code; False when there is no such one."""

    def remove(id: str) -> Deferred[None]:
        """Forget a user with their sessions; fails with `KeyError`."""

    def open(session: Session, password: str) -> Deferred[bool]:
        """Keep a new session; False, and nothing is kept, when the user is not active or their password is not this
        Argon2id text any more."""

    def session(digest: str) -> Deferred[tuple[Session, User] | None]:
        """A session and whose it is."""

    def sessions(user: str) -> Deferred[Sequence[Session]]:
        """The sessions of a user, oldest first."""

    def touch(digest: str, changes: Mapping[str, object]) -> Deferred[None]:
        """Set `seen_at` or `acting` of a session, if it is still there."""

    def end(digest: str) -> Deferred[None]:
        """Forget a session, if it is there."""

    def end_old(created_before: int, seen_before: int) -> Deferred[int]:
        """Forget sessions that began, or were last seen, before these instants; fires with how many."""

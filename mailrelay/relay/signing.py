"""Signing: the last change to a message before it leaves, after everything else has been composed.

The author's domain signs with every active key it has. A domain of the account never leaves unsigned: without a key
that can be used the delivery is put off (M21). A message whose author's domain is not the account's is not signed,
which only a dialect without the rule "from_domain" lets happen. Signatures are made in threads; private keys are read
once and kept in memory; a large message is composed there, too. The octets depend on nothing but what the delivery is,
so that every attempt repeats them; only a clock set back behind the acceptance changes the signature's instant, since a
receiver refuses one from the future.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from twisted.internet.defer import Deferred

from ..interfaces.directory import IDirectory, SigningKey
from ..mail.address import AddressError
from ..mail.addresses import addresses
from ..mail.dkim import Signer, sign
from ..mail.envelope import Capabilities, Delivery
from ..mail.message import Message
from .aside import large
from .compose import compose
from .personal import Site

KEPT = 1000  #: private keys in memory


class NoKey(Exception):
    """A domain that must sign cannot."""


class Signing:
    """Composes and signs. `unlock(account, domain, key)` gives a private key in PEM, `defer(function, *arguments)`
    runs something slow in a thread, `now` gives microseconds since 1970."""

    def __init__(
        self,
        directory: IDirectory,
        unlock: Callable[[str, str, SigningKey], str],
        defer: Callable[..., Deferred[bytes]],
        now: Callable[[], int],
        hostname: str,
        site: Site | None = None,
    ) -> None:
        self._directory = directory
        self._unlock = unlock
        self._defer = defer
        self._now = now
        self._hostname = hostname
        self._site = site
        self._signer = lru_cache(KEPT)(self._read)

    def compose(self, message: Message, delivery: Delivery, capabilities: Capabilities) -> Deferred[bytes]:
        """The octets that leave for one recipient. Fails with `NoKey`, `VaultError` or `ValueError` when the domain's
        keys are missing, sealed under another key or malformed."""
        domain = author_domain(message)
        apart = large(message)
        octets = b"" if apart else self._composed(message, delivery, capabilities)

        def found(keys: tuple[SigningKey, ...] | None) -> bytes | Deferred[bytes]:
            if keys is None:
                return self._defer(self._composed, message, delivery, capabilities) if apart else octets
            if not keys:
                raise NoKey(f"{domain} has no key to sign with; make one by: mailrelay domain keys {domain} --new")
            if apart:
                return self._defer(self._both, message, delivery, capabilities, domain, keys)
            return self._defer(self._sign, octets, delivery, domain, keys)

        return self._directory.signing_keys(delivery.account, domain).addCallback(found)

    def _composed(self, message: Message, delivery: Delivery, capabilities: Capabilities) -> bytes:
        return compose(message, delivery, capabilities, self._hostname, self._site)

    def _both(
        self,
        message: Message,
        delivery: Delivery,
        capabilities: Capabilities,
        domain: str,
        keys: tuple[SigningKey, ...],
    ) -> bytes:
        return self._sign(self._composed(message, delivery, capabilities), delivery, domain, keys)

    def _sign(self, octets: bytes, delivery: Delivery, domain: str, keys: tuple[SigningKey, ...]) -> bytes:
        signers = [self._signer(delivery.account, domain, key) for key in keys]
        return sign(octets, signers, min(delivery.accepted_at, self._now()))

    def _read(self, account: str, domain: str, key: SigningKey) -> Signer:
        return Signer.load(domain, key.selector, key.algorithm, self._unlock(account, domain, key))


def author_domain(message: Message) -> str:
    """The domain of the From field (A-labels), by its first author; "" when none can be read."""
    try:
        authors = addresses(message.get("From") or b"")
    except AddressError:
        return ""
    return authors[0][1].domain if authors else ""

"""The public pages as a part of the daemon, and the keys that links in mail are signed by.

`Keyring` derives secrets from the installation's key and knows, by what the chores read, which key signs and which are
believed. `PublicPages` serves its socket from `start` to `stop`, and writes what recipients did before it has stopped.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from twisted.internet.interfaces import IListeningPort

from ..interfaces.engagement import IEngagement
from ..interfaces.registry import IRegistry
from ..interfaces.web_version import IWebVersions
from ..mail.envelope import ulid
from ..policy.link_keys import LinkKeys, secret_of
from ..vault import Vault
from .ports import adopt

LAST_WRITE = 1.0  #: seconds that a stop waits for the store to take what recipients did


class Keyring:
    """The secrets of link keys, by number."""

    def __init__(self, vault: Vault) -> None:
        self.keys = LinkKeys()
        self.secret: Callable[[int], bytes] = lru_cache(1000)(lambda number: vault.subkey(secret_of(number)))

    @property
    def current(self) -> int:
        """The number of the key that signs."""
        return self.keys.current

    def read(self, text: str) -> None:
        """Take over what the setting says."""
        self.keys = LinkKeys.read(text)

    def believed(self, number: int) -> bytes | None:
        """The secret of a key that is believed."""
        return self.secret(number) if self.keys.believes(number) else None


class PublicPages:
    """Serves the pages; `worker` gives what they stand on, once it has started."""

    def __init__(
        self,
        reactor: Any,
        sock: socket.socket,
        public_url: str,
        now: Callable[[], int],
        worker: Callable[[], tuple[IEngagement, IWebVersions, IRegistry, Keyring]],
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._reactor = reactor
        self._socket = sock
        self._public_url = public_url
        self._now = now
        self._worker = worker
        self._trusted_proxies = trusted_proxies
        self._port: IListeningPort | None = None
        self._acts: Any = None

    async def start(self) -> None:
        # these import the reactor
        from ..http.acts import Acts
        from ..http.peer import Proxies
        from ..http.public import Pages, make_public_site

        engagement, web_versions, registry, keyring = self._worker()
        self._acts = Acts(engagement, self._reactor, self._now)
        pages = Pages(
            engagement=engagement,
            confirm=registry.confirm_sender,
            web_versions=web_versions,
            acts=self._acts,
            secret=keyring.believed,
            now=self._now,
            new_id=lambda: ulid(self._now(), os.urandom(10)),
        )
        proxies = Proxies(self._trusted_proxies)
        site = make_public_site(pages, self._public_url, self._reactor, proxies=proxies)
        self._port = adopt(self._reactor, self._socket, site)

    async def stop(self) -> None:
        if self._port is not None and (stopping := self._port.stopListening()) is not None:
            await stopping
        self._socket.close()
        if self._acts is not None:
            # what the store does not take now is lost; the process must not wait for it
            await self._acts.stop().addTimeout(LAST_WRITE, self._reactor, onTimeoutCancel=lambda *_: None)

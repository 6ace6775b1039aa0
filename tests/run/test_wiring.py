"""What the configuration makes of the pieces."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import execute
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.config import Config, Delivery, Route, State
from mailrelay.mail.envelope import SECOND, Capabilities
from mailrelay.mail.envelope import Delivery as Recipient
from mailrelay.mail.message import Message
from mailrelay.relay.signing import NoKey
from mailrelay.run.wiring import _compose
from mailrelay.store.memory import MemoryDirectory, MemoryState
from mailrelay.vault import Vault

AT = 1_700_000_000 * SECOND
LETTER = Message.parse(b"From: app@acme.test\r\nDate: x\r\nMessage-ID: <1@acme.test>\r\n\r\nHello\r\n")
RECIPIENT = Recipient("R", "M", "A", "C", "app@acme.test", "b@b.test", "b.test", "", 0, AT, AT + SECOND)


class Signing(SynchronousTestCase):
    def compose(self, sign: bool) -> Any:
        config = Config(
            state=State(path=Path("state")),
            routes=(Route(name="out", hosts=("127.0.0.1:25",), default=True),),
            delivery=Delivery(sign=sign),
        )
        directory = MemoryDirectory(MemoryState(domains={("A", "acme.test"): "verified"}))
        store: Any = SimpleNamespace(directory=directory)
        compose = _compose(config, store, Vault(b"k" * 32), execute, lambda: AT, "relay.test", None)
        return compose(LETTER, RECIPIENT, Capabilities(eight_bit=True))

    def test_on(self) -> None:
        """Unless told otherwise a domain of an account signs or its mail stays (M21)."""
        self.assertTrue(Delivery().sign)
        self.failureResultOf(self.compose(True), NoKey)

    def test_off(self) -> None:
        """With sign = false the next hop gets the message as it was composed, whatever the keys."""
        self.assertEqual(self.successResultOf(self.compose(False)), LETTER.encode())

"""What a service tells of events: names, shape and signature, as a dialect file has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.hook import Hook, read_hook
from mailrelay.policy.reading import Reading

TABLE: dict[str, Any] = {
    "events": {"bounced": "hard", "clicked": "click"},
    "body": {
        "type": "{name}",
        "to": "{to}",
        "at": ["{seconds}", {"ms": "{milliseconds}"}],
        "text": "for {to}: {reply}",
    },
    "bodies": {"clicked": {"text": "{url}"}},
    "signature": {"header": "x-signature", "text": "ts={milliseconds};s={signature}"},
}


class HookTests(SynchronousTestCase):
    def read(self, value: object) -> tuple[Hook | None, list[str]]:
        reading = Reading("a.toml")
        return read_hook(reading, value), list(reading.faults)

    def test_shape(self) -> None:
        """Fields stand where the shape has them, in their own kind where they stand alone; what is not named is not
        told."""
        hook, faults = self.read(TABLE)
        assert hook is not None
        self.assertEqual(faults, [])
        fields = {"to": "a@b.test", "reply": "550 No", "url": "https://x/", "attempt": 2}
        expected = {"type": "hard", "to": "a@b.test", "at": [1, {"ms": 1500}], "text": "for a@b.test: 550 No"}
        self.assertEqual(hook.told("bounced", 1_500_000, fields), expected)
        self.assertEqual(hook.told("clicked", 1_500_000, fields)["text"], "https://x/")  # type: ignore[index, call-overload]
        self.assertIsNone(hook.told("opened", 1, fields))

    def test_signature(self) -> None:
        """The service's own signature covers its time and the body."""
        hook, _ = self.read(TABLE)
        assert hook is not None
        mac = base64.b64encode(hmac.new(b"k", b"7body", hashlib.sha256).digest()).decode()
        self.assertEqual(hook.signature(b"k", 7999, b"body"), {"x-signature": f"ts=7;s={mac}"})
        unsigned, _ = self.read({name: each for name, each in TABLE.items() if name != "signature"})
        assert unsigned is not None
        self.assertEqual(unsigned.signature(b"k", 7999, b"body"), {})

    def test_none(self) -> None:
        """A dialect need not tell events."""
        self.assertEqual(self.read(None), (None, []))

    def test_faults(self) -> None:
        """Every fault is told with its key."""
        for change, fault in (
            ({"body": {"x": "{colour}"}}, "webhook.body: {colour} is no field of an event"),
            ({"events": {"levitated": "up"}}, "webhook.events.levitated: "),
            ({"bodies": {"opened": {}}}, "webhook.bodies.opened: "),
            ({"body": "x"}, "webhook.body: must be a table"),
            ({"signature": {"header": "X Y", "text": "{signature}"}}, "webhook.signature: must be a header"),
            ({"signature": {"header": "x", "text": "no"}}, "webhook.signature: must be a header"),
            ({"extra": 1}, "webhook.extra: "),
        ):
            _, faults = self.read(TABLE | change)
            self.assertIn(f"a.toml: {fault}", "\n".join(faults))

"""How pushed events are signed, and how patient we are with a receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy import push


class PushTests(SynchronousTestCase):
    def test_known_signature(self) -> None:
        """H14: the signature is that of the Standard Webhooks specification, over id, time and body."""
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        found = push.headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
        self.assertEqual(found["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")

    def test_covers_everything(self) -> None:
        """H14: another id, time or body has another signature."""
        secret = push.generated(b"k" * 32)
        made = [push.headers(secret, *each)["webhook-signature"] for each in
                (("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"))]  # fmt: skip
        self.assertEqual(len(set(made)), 4)
        mac = hmac.new(b"k" * 32, b"a.1.x", hashlib.sha256).digest()
        self.assertEqual(made[0], "v1," + base64.b64encode(mac).decode())

    def test_secrets(self) -> None:
        """A secret is 24 to 64 octets in base64 behind its prefix, and nothing else."""
        self.assertEqual(push.key_of(push.generated(b"k" * 24)), b"k" * 24)
        for wrong in (
            "",
            "whsec_",
            "whsec_abc",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            push.generated(b"k" * 65),
            "whsec_\n",
        ):
            self.assertRaises(ValueError, push.key_of, wrong)

    def test_patience(self) -> None:
        """Pauses grow to an hour and stay there, so that a receiver is tried hourly for as long as it takes."""
        pauses = [push.pause(failures, 0.0) for failures in range(1, 40)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertEqual((pauses[0], pauses[-1]), (5, 3600))
        self.assertEqual(push.pause(1, 1.0), 5.5)

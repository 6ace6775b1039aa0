"""How fast this machine is, in figures that can be told beside those of another: µs of CPU for four plain things.

Two of them are arithmetic, two are what an interpreter with much code at hand does; machines differ by three times in
the one and not at all in the other. They judge nobody: ratios do, and hold within one run only.
"""

from __future__ import annotations

import email
import hashlib
import time
from collections.abc import Callable
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

_PART = b"--xx\r\nContent-Type: text/plain\r\n\r\n" + (b"y" * 70 + b"\r\n") * 70
_MULTIPART = (
    b"From: a@a.example\r\nTo: b@b.example\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative; boundary=xx\r\n\r\n" + 2 * _PART + b"--xx--\r\n"
)
_OCTETS = bytes(4096)


def _cost(once: Callable[[], object], times: int) -> float:
    """The median of five runs, in µs of CPU."""

    def run() -> float:
        begun = time.process_time()
        for _ in range(times):
            once()
        return (time.process_time() - begun) / times * 1e6

    return median(run() for _ in range(5))


def machine() -> str:
    """One line for the head of the tables."""
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    padding, digest = PKCS1v15(), SHA256()
    return (
        f"µs of CPU: RSA-2048 signature {_cost(lambda: rsa.sign(_OCTETS, padding, digest), 100):.0f}, "
        f"Ed25519 {_cost(lambda: ed25519.sign(_OCTETS), 500):.0f}, "
        f"SHA-256 of 4 KiB {_cost(lambda: hashlib.sha256(_OCTETS).digest(), 2000):.1f}, "
        f"email.message_from_bytes of {len(_MULTIPART) // 1024} KiB "
        f"{_cost(lambda: email.message_from_bytes(_MULTIPART), 200):.0f}"
    )

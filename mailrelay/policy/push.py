"""Pushing events to a receiver: how a request is signed, how long to wait after a failure, and when to give up.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com, specification 1.0): HMAC-SHA256 over
``id.timestamp.body`` by the secret behind ``whsec_``. This module sends nothing and reads no clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

PREFIX = "whsec_"
#: Octets of a secret.
LEAST, MOST = 24, 64
#: Seconds that a receiver may tell old requests by; ours are stamped anew at each try.
WINDOW = 300
#: Seconds to wait after the first failure, the second, and so on; the last for all that follow.
PAUSES = (5, 30, 120, 300, 900, 1800, 3600)
#: The answer of a receiver that wants nothing any more.
GONE = 410


def generated(random: bytes) -> str:
    """A secret of these octets."""
    return PREFIX + base64.b64encode(random).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key in a secret; `ValueError` when it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
    if not secret.startswith(PREFIX) or not LEAST <= len(key) <= MOST:
        raise ValueError(f"must be {PREFIX} and {LEAST} to {MOST} octets in base64")
    return key


def headers(secret: str, id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a signed request; `timestamp` is in seconds."""
    signed = b"%s.%d.%s" % (id.encode("ascii"), timestamp, body)
    made = base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode("ascii")
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{made}"}


def pause(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row; up to a tenth more by chance (0 to 1)."""
    return PAUSES[min(failures, len(PAUSES)) - 1] * (1 + jitter / 10)

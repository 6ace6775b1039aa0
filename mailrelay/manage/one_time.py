"""One-time codes of an application on a telephone (RFC 6238), and recovery codes for the day it is lost.

A code holds for its half minute and the one before and after, and serves once. Secrets are kept sealed, recovery codes
as keyed digests.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pyotp
import segno

from ..interfaces.people import User
from ..mail.envelope import SECOND
from ..vault import Vault

STEP: Final = 30  #: seconds that a code stands for
AROUND: Final = 1  #: steps by which a telephone's clock may differ
DIGITS: Final = 6
#: How many recovery codes there are at a time, and letters of one: 92 random bits.
RECOVERY_CODES, RECOVERY_LENGTH = 10, 16


@dataclass(frozen=True, slots=True)
class Offered:
    """What a person puts into their application: the secret in base32, as a URI, and that as a picture (SVG)."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)

    @property
    def picture(self) -> str:
        """The URI as a QR code: SVG without declaration, to stand in a page."""
        out = io.BytesIO()
        segno.make(self.uri, error="m").save(out, kind="svg", scale=4, xmldecl=False, svgns=True, nl=False)
        return out.getvalue().decode("ascii")


def offer(name: str, issuer: str) -> Offered:
    """A fresh secret of 160 bits."""
    secret = pyotp.random_base32()
    return Offered(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))


def offered(vault: Vault, user: User, issuer: str) -> Offered | None:
    """The secret that waits to be confirmed by a code, None where there is none."""
    if not user.totp_offered:
        return None
    secret = vault.unseal(user.totp_offered, f"totp:{user.id}")
    return Offered(secret, pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=issuer))


def seal(vault: Vault, user: str, secret: str) -> str:
    """A secret as it is kept."""
    return vault.seal(secret, f"totp:{user}")


def step_of(vault: Vault, user: User, sealed: str, code: str, now: int) -> int:
    """The step of time that a code stands for; 0 for a wrong one, or one that is used up."""
    if not (len(code) == DIGITS and code.isascii() and code.isdigit()):
        return 0
    totp = pyotp.TOTP(vault.unseal(sealed, f"totp:{user.id}"))
    here = now // SECOND // STEP
    found = 0
    for step in range(here - AROUND, here + AROUND + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > user.totp_step:
            found = step
    return found


def recovery_codes(new_secret: Callable[[], str]) -> tuple[str, ...]:
    """Fresh codes, in groups of four."""
    made = [new_secret()[:RECOVERY_LENGTH] for _ in range(RECOVERY_CODES)]
    return tuple("-".join(code[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in made)


def recovery_digest(vault: Vault, code: str) -> str:
    """What a recovery code is known by, however it is written."""
    return vault.digest("recovery:" + "".join(code.replace("-", "").split()))

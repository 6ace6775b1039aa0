"""How a session was encrypted, as values: what the next hop's domain had promised, and what came of it.

`Encryption` is kept with each attempt as one text, "" for a session in the clear. Nothing is negotiated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: What held the host to its certificate: nothing, and TLS was not even needed; nothing, but there is no mail without
#: TLS; the route's rule; its domain's policy by MTA-STS (enforced, or only tested); a TLSA record.
OPPORTUNISTIC, REQUIRED, VERIFIED = "opportunistic", "required", "verified"
MTA_STS, MTA_STS_TESTING, DANE = "mta-sts", "mta-sts-testing", "dane"

#: What can be wrong: result types of RFC 8460 4.3.
UNTRUSTED, EXPIRED, MISNAMED = "certificate-not-trusted", "certificate-expired", "certificate-host-mismatch"
NO_STARTTLS, FAILED = "starttls-not-supported", "validation-failure"
NOT_FETCHED, INVALID_POLICY = "sts-policy-fetch-error", "sts-policy-invalid"
INVALID_TLSA, INVALID_DNSSEC = "tlsa-invalid", "dnssec-invalid"

#: The levels as people read them.
MEANING: Final = {
    OPPORTUNISTIC: "opportunistic, the certificate was not checked",
    REQUIRED: "required, the certificate was not checked",
    VERIFIED: "verified",
    MTA_STS: "verified by MTA-STS",
    MTA_STS_TESTING: "MTA-STS is being tested",
    DANE: "verified by DANE",
}


@dataclass(frozen=True, slots=True)
class Encryption:
    """The version of TLS ("" in the clear), the cipher, and what the host was held to; the last two are "" where an
    older release did not keep them."""

    version: str = ""
    cipher: str = ""
    level: str = ""

    def __str__(self) -> str:
        return f"{self.version} {self.cipher} {self.level}".rstrip()

    @classmethod
    def read(cls, text: str) -> Encryption:
        """What `str` made."""
        return cls(*text.split(" ")[:3])


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What a domain promises of TLS at its hosts, in the words of RFC 8460: `strings` is the policy itself (lines of
    the MTA-STS policy, TLSA records), `mx` the hosts that it speaks of, `fault` why it could not be had, or ""."""

    kind: Literal["tlsa", "sts", "no-policy-found"]
    domain: str
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    testing: bool = False
    fault: str = ""

"""What is said of sending domains: their keys, what they publish, and what the DNS says about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..members import Instant, Members, Name

DomainName = Annotated[str, Field(max_length=255, examples=["shop.example"])]


class NewDomain(Members):
    """A domain to be registered."""

    domain: DomainName
    account: Annotated[Name, Field(description="by name or id; may be left out where there is one")] = ""
    verified: Annotated[bool, Field(description="by an administrator's word?")] = False


class Force(Members):
    """How it is verified."""

    force: Annotated[bool, Field(description="by an administrator's word, whatever the DNS says?")] = False


class Domain(Members):
    """A sending domain."""

    domain: DomainName
    account: str
    status: Literal["verified", "unverified"]
    created_at: Instant
    proof: Annotated[str, Field(description="by what it was verified", examples=["dns"])]
    checked_at: Annotated[Instant, Field(description="when the DNS was last asked")]
    drifted_at: Annotated[Instant, Field(description="since when the DNS says something else")]


class DomainKey(Members):
    """A key that mail is signed by, without its private half."""

    selector: str
    algorithm: Annotated[str, Field(examples=["rsa-sha256"])]
    active: bool
    created_at: Instant


class Record(Members):
    """What is to be published."""

    purpose: Annotated[str, Field(examples=["dkim"])]
    type: Literal["TXT"]
    name: str
    value: Annotated[str, Field(description="the whole text, whatever its length")]


class Finding(Members):
    """What was found about a domain in the DNS."""

    purpose: str
    name: str
    verdict: Literal["ok", "missing", "wrong", "unknown"]
    required: Annotated[bool, Field(description="is the domain not verified without it?")]
    words: str
    record: Annotated[str, Field(description="a line to publish, empty where nothing is missing")]
    found: Annotated[list[str], Field(description="what stands there now")]


class DomainCard(Domain):
    """A domain with its keys and what it is to publish."""

    keys: list[DomainKey]
    records: list[Record]


class CheckedDomain(Domain):
    """A domain as the DNS has it."""

    publishes: Annotated[bool | None, Field(description="is there all that verifying takes?")] = None
    findings: list[Finding] | None = None


class Rotation(Members):
    """What this step of changing the keys did."""

    step: Annotated[
        Literal["made", "used", "waiting"], Field(description="waiting: for the new pair's records to stand in the DNS")
    ]
    keys: list[DomainKey]
    records: list[Record]
    findings: list[Finding]

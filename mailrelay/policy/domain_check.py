"""What a sending domain publishes, judged: SPF, DKIM and DMARC, without which it is not verified, and two warnings.

A pure function over what DNS said; nothing is looked up here. `names` says which names are to be asked, `more` which
further ones follow from the answers (where SPF leads, `policy.spf`). Each finding has a verdict in plain words and the
record that would make it right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..mail.answer import Answer, Kind, MailExchange
from . import spf

Seen = Mapping[tuple[str, Kind], Answer]
_FAMILIES: tuple[Kind, ...] = ("A", "AAAA")
_NOTHING = Answer(rcode="SERVFAIL")


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key of the domain: `text` is what its record must say; one that is not `active` signs nothing yet, or,
    `retired`, no more."""

    selector: str
    text: str
    active: bool
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """Who sends: the name of the host, and the domain to which bounces come back."""

    hostname: str
    bounce_domain: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `purpose` is "spf", "dkim", "dmarc", "return_path" or "mx"; `verdict` is "ok", "missing", "wrong" or
    "unknown" (DNS did not answer); `required` without which a domain is not verified; `record` is a line of a zone file
    to publish, "" when nothing is missing; `found` are the records of that kind that are there now, as texts."""

    purpose: str
    name: str
    verdict: str
    words: str
    required: bool = True
    record: str = ""
    found: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.verdict == "ok"


def verified(findings: Sequence[Finding]) -> bool:
    """Does the domain publish all that it must?"""
    return all(each.ok for each in findings if each.required)


def undecided(findings: Sequence[Finding]) -> bool:
    """Is it only for want of answers that it does not?"""
    return not verified(findings) and all(each.verdict in ("ok", "unknown") for each in findings if each.required)


def names(domain: str, keys: Sequence[PublishedKey], relay: Relay) -> Iterator[tuple[str, Kind]]:
    """What DNS is asked first."""
    yield domain, "TXT"
    yield domain, "MX"
    yield domain, "A"
    for key in keys:
        yield f"{key.selector}._domainkey.{domain}", "TXT"
    for name in _upwards(domain):
        yield f"_dmarc.{name}", "TXT"
    yield relay.bounce_domain, "MX"
    yield relay.bounce_domain, "TXT"
    yield relay.hostname, "A"
    yield relay.hostname, "AAAA"


def more(domain: str, relay: Relay, seen: Seen) -> list[tuple[str, Kind]]:
    """What the records of SPF lead to and was not asked yet: all names that stand in them, and what a receiver would
    ask next."""
    found: dict[tuple[str, Kind], None] = {}
    texts = [text for (_, kind), answer in seen.items() if kind == "TXT" for text in _texts(answer)]
    for text in texts:
        for name in spf.named(text) if spf.is_spf(text) else ():
            if name and (name, "TXT") not in seen:
                found[name, "TXT"] = None
    found = dict.fromkeys(list(found)[: spf.MAX_LOOKUPS])
    for name in (domain, relay.bounce_domain):
        for _, verdict in _judged(name, relay, seen):
            if verdict.asks is not None:
                found[verdict.asks] = None
    return list(found)


def check(domain: str, keys: Sequence[PublishedKey], relay: Relay, seen: Seen) -> list[Finding]:
    """Every finding about a domain, the required ones first."""
    findings = [_spf(domain, relay, seen)]
    findings += [_dkim(domain, key, seen) for key in keys]
    if not any(key.active for key in keys):
        findings.append(Finding("dkim", domain, "missing", "The domain has no key that signs."))
    findings += [_dmarc(domain, seen), _return_path(relay, seen), _mx(domain, seen)]
    told = [replace(each, found=_found(each, seen)) for each in findings]
    return sorted(told, key=lambda each: not each.required)


def _found(finding: Finding, seen: Seen) -> tuple[str, ...]:
    """What DNS has under the name of a finding that a receiver would take for the record."""
    if finding.purpose in ("mx", "return_path"):
        exchanges = seen.get((finding.name, "MX"), _NOTHING).records
        return tuple(f"{each.preference} {each.exchange}." for each in exchanges if isinstance(each, MailExchange))
    texts = _texts(seen.get((finding.name, "TXT"), _NOTHING))
    if finding.purpose == "spf":
        return tuple(text for text in texts if spf.is_spf(text))
    if finding.purpose == "dmarc":
        return tuple(text for text in texts if _is_dmarc(text))
    return tuple(texts)


def _judged(domain: str, relay: Relay, seen: Seen) -> Iterator[tuple[str, spf.Verdict]]:
    """What SPF of a domain says of each address of the host, or of its name where it has none."""
    own = [
        address
        for kind in _FAMILIES
        for address in seen.get((relay.hostname, kind), _NOTHING).records
        if isinstance(address, str)
    ]
    for address in own or [""]:
        yield address, spf.judge(domain, relay.hostname, address, seen)


def _spf(domain: str, relay: Relay, seen: Seen) -> Finding:
    answer = seen.get((domain, "TXT"), _NOTHING)
    record = f'{domain}. IN TXT "v=spf1 a:{relay.hostname} ~all"'
    if not answer.known:
        return Finding("spf", domain, "unknown", _unanswered(domain))
    found = [text for text in _texts(answer) if spf.is_spf(text)]
    if not found:
        return Finding("spf", domain, "missing", "There is no SPF record.", record=record)
    if len(found) == 1:
        first, _, rest = found[0].partition(" ")
        record = f'{domain}. IN TXT "{first} a:{relay.hostname} {rest}"'
    for address, verdict in _judged(domain, relay, seen):
        if verdict.result in ("temperror", "asks"):
            return Finding("spf", domain, "unknown", f"{verdict.words or _unanswered(domain)}.")
        if verdict.result == "unjudged":
            return Finding(
                "spf", domain, "unknown", f"SPF cannot be judged before there is a message: {verdict.words}."
            )
        if verdict.result == "permerror":
            words = f"SPF is in error (permerror), and receivers then heed none: {verdict.words}."
            return Finding("spf", domain, "wrong", words, record=record if len(found) > 1 else "")
        if verdict.result != "pass":
            sent = f"{relay.hostname} ({address})" if address else relay.hostname
            words = f"SPF does not name {sent}: the result is {verdict.result}, by {verdict.words}."
            return Finding("spf", domain, "wrong", words, record=record)
    return Finding("spf", domain, "ok", f"SPF lets {relay.hostname} send.")


def _dkim(domain: str, key: PublishedKey, seen: Seen) -> Finding:
    name = f"{key.selector}._domainkey.{domain}"
    answer = seen.get((name, "TXT"), _NOTHING)
    strings = " ".join(f'"{key.text[start : start + 255]}"' for start in range(0, len(key.text), 255))
    record = f"{name}. IN TXT {strings}"
    if not answer.known:
        return Finding("dkim", name, "unknown", _unanswered(name), key.active)
    if key.retired:
        left = "its record is still there" if _texts(answer) else "its record is gone"
        words = f"This key signed before, and {left}; it may go a week after the last mail was signed by it."
        return Finding("dkim", name, "ok", words, False)
    wanted = _tags(key.text)
    found = [_tags(text) for text in _texts(answer)]
    if not found:
        words = (
            "This key is not published." if key.active else "This key waits and is not published; it must not be used."
        )
        return Finding("dkim", name, "missing", words, key.active, record)
    if any((tags.get("p"), tags.get("k", "rsa")) == (wanted["p"], wanted.get("k", "rsa")) for tags in found):
        words = "The key is published." if key.active else "The key is published and can be put to use."
        return Finding("dkim", name, "ok", words, key.active)
    revoked = any(tags.get("p") == "" for tags in found)
    words = "The record says that this key is withdrawn." if revoked else "The record holds another key."
    return Finding("dkim", name, "wrong", words, key.active, record)


def _dmarc(domain: str, seen: Seen) -> Finding:
    record = f'_dmarc.{domain}. IN TXT "v=DMARC1; p=none"'
    for above in _upwards(domain):
        name = f"_dmarc.{above}"
        answer = seen.get((name, "TXT"), _NOTHING)
        if not answer.known:
            return Finding("dmarc", name, "unknown", _unanswered(name))
        found = [_tags(text) for text in _texts(answer) if _is_dmarc(text)]
        if len(found) > 1:
            return Finding("dmarc", name, "wrong", "There are several DMARC records; receivers then heed none.")
        if found and found[0].get("p", "").lower() in ("none", "quarantine", "reject"):
            return Finding("dmarc", name, "ok", f"DMARC asks for p={found[0]['p'].lower()}.")
        if found:
            return Finding("dmarc", name, "wrong", "The DMARC record has no valid p=.", record=record)
    return Finding("dmarc", f"_dmarc.{domain}", "missing", "There is no DMARC record.", record=record)


def _return_path(relay: Relay, seen: Seen) -> Finding:
    name = relay.bounce_domain
    record = f"{name}. IN MX 10 {relay.hostname}."
    answers = seen.get((name, "MX"), _NOTHING), seen.get((name, "TXT"), _NOTHING)
    if not all(answer.known for answer in answers):
        return Finding("return_path", name, "unknown", _unanswered(name), False)
    exchanges = [each.exchange for each in answers[0].records if isinstance(each, MailExchange)]
    if relay.hostname not in exchanges:
        words = f"Bounces to {name} do not come to {relay.hostname}."
        return Finding("return_path", name, "wrong" if exchanges else "missing", words, False, record)
    if any(verdict.result != "pass" for _, verdict in _judged(name, relay, seen)):
        words = f"SPF of {name}, by which receivers judge this relay's mail, does not name {relay.hostname}."
        spf = f'{name}. IN TXT "v=spf1 a:{relay.hostname} -all"'
        return Finding("return_path", name, "missing", words, False, spf)
    return Finding("return_path", name, "ok", f"Bounces to {name} come back here.", False)


def _mx(domain: str, seen: Seen) -> Finding:
    exchanges, addresses = seen.get((domain, "MX"), _NOTHING), seen.get((domain, "A"), _NOTHING)
    if not (exchanges.known and addresses.known):
        return Finding("mx", domain, "unknown", _unanswered(domain), False)
    named = [each.exchange for each in exchanges.records if isinstance(each, MailExchange)]
    if named == [""]:
        return Finding("mx", domain, "wrong", "The domain says that it takes no mail: replies are lost.", False)
    if named or addresses.records:
        return Finding("mx", domain, "ok", "The domain takes mail, so that replies arrive.", False)
    return Finding("mx", domain, "missing", "The domain takes no mail: replies and some receivers' checks fail.", False)


def _upwards(domain: str) -> Iterator[str]:
    """The domain, and those above it but for the last label."""
    labels = domain.split(".")
    for start in range(max(len(labels) - 1, 1)):
        yield ".".join(labels[start:])


def _is_dmarc(text: str) -> bool:
    return text.replace(" ", "").lower().startswith("v=dmarc1")


def _texts(answer: Answer) -> list[str]:
    return [each for each in answer.records if isinstance(each, str)]


def _tags(text: str) -> dict[str, str]:
    """The tags of a list such as DKIM's and DMARC's, blanks taken out."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs if name.strip()}


def _unanswered(name: str) -> str:
    return f"DNS gave no answer about {name}; try again later."

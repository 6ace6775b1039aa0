"""What stands on the page of one domain: its state, its records beside what the DNS has, its keys and its senders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...interfaces.registry import Domain, DomainKey, Sender
from ...manage import signing
from ...manage.domain_checks import Checked
from ...policy.domain_check import Finding
from ..markup import Markup, join, tag
from . import look
from .visit import Visit

#: What a check is called, and what it is for.
PURPOSES: Mapping[str, tuple[str, str]] = {
    "spf": ("SPF", "says that this relay may send for the domain"),
    "dkim": ("DKIM", "holds the key by which receivers judge our signature"),
    "dmarc": ("DMARC", "says what receivers do with mail that is neither"),
    "return_path": ("Return path", "is where bounces come back to; the relay's own domain"),
    "mx": ("MX", "lets replies arrive"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A domain with its keys, the senders on it, the name of its account where that is told, and what the DNS said
    where it was asked."""

    domain: Domain
    keys: Sequence[DomainKey]
    senders: Sequence[Sender]
    account: str = ""
    checked: Checked | None = None


def state(domain: Domain) -> Markup:
    """The state of a domain in a word, and what is to be known about it."""
    if domain.drifted_at:
        return join(look.status(domain.status), " – something is missing in the DNS")
    return look.status(domain.status)


def body(visit: Visit, seen: Seen, path: str, fault: str = "") -> Iterator[Markup]:
    """The page."""
    if fault:
        yield look.notice(fault, "fault")
    yield _facts(visit, seen)
    yield _buttons(visit, seen, path)
    yield from _records(visit, seen)
    yield from _keys(visit, seen, path)
    yield from senders(visit, seen.senders, seen.domain)
    warning = "Its keys and the senders on it go, too. Mail from it is refused, and what still waits leaves unsigned."
    yield tag("h2", "Remove the domain")
    yield look.confirm(
        "Remove this domain …", warning, look.form(f"{path}/remove", visit.key, look.button("Remove", "danger"))
    )


def _facts(visit: Visit, seen: Seen) -> Markup:
    domain = seen.domain
    pairs: list[tuple[str, str]] = [("State", state(domain))]
    if seen.account:
        pairs.append(("Account", seen.account))
    if domain.status == "verified":
        pairs.append(
            ("Verified", "by its records in the DNS" if domain.proof == "dns" else "by an administrator's word")
        )
    if domain.checked_at:
        pairs.append(("Checked", look.when(domain.checked_at, visit.now, visit.zone)))
    if domain.drifted_at:
        since = look.when(domain.drifted_at, visit.now, visit.zone)
        pairs.append(("Missing", join("Something it must publish is missing since ", since, ".")))
    pairs.append(("Added", look.when(domain.created_at, visit.now, visit.zone)))
    return look.facts(pairs)


def _buttons(visit: Visit, seen: Seen, path: str) -> Markup:
    made: list[str] = []
    asks = visit.installation.resolver is not None and visit.installation.relay is not None
    if asks:
        made.append(tag("a", "Check the DNS now", href=f"{path}?check=1", class_="button quiet"))
        if seen.domain.status != "verified":
            made.insert(0, look.form(f"{path}/verify", visit.key, look.button("Verify")))
    if visit.caller.administrator and seen.domain.status != "verified":
        made.append(look.form(f"{path}/by-word", visit.key, look.button("Verify by my word", "quiet")))
    elif visit.caller.administrator:
        made.append(look.form(f"{path}/take-back", visit.key, look.button("Take verification back", "quiet")))
    silent = look.notice("This installation asks no DNS: an administrator verifies domains by word.")
    return join(tag("div", *made, class_="buttons") if made else "", "" if asks else silent)


def _records(visit: Visit, seen: Seen) -> Iterator[Markup]:
    """What is to be published, and where the DNS was asked what is there."""
    yield tag("h2", "Records to publish")
    if seen.checked is not None:
        yield from _findings(seen.checked)
    relay = visit.installation.relay
    host = relay.hostname if relay is not None else "localhost"
    waiting = {each.selector for each in seen.keys if not each.active}
    rows = []
    for each in signing.records(seen.domain.name, seen.keys, host):
        about = PURPOSES[each.purpose][0]
        if each.purpose == "dkim" and each.name.partition(".")[0] in waiting:
            about += ", not in use"
        rows.append((about, "TXT", look.copied(each.name), look.copied(each.value)))
    hint = (
        "Add these at whoever keeps the DNS of the domain; some want the name without the domain at its end. Where "
        "there is an SPF or a DMARC record already, keep it: the check says what must be added to it."
    )
    yield tag("p", hint, class_="hint")
    yield look.table("Records", ("For", "Type", "Name", "Value"), rows)


def _findings(checked: Checked) -> Iterator[Markup]:
    missing = sum(1 for each in checked.findings if each.required and not each.ok)
    if missing:
        yield look.notice(f"{missing} of what the domain must publish {'is' if missing == 1 else 'are'} not right yet.")
    else:
        yield look.notice("The domain publishes all that it must.", "said")
    yield look.table(
        "What the DNS says", ("Check", "Verdict", "Found", "To publish"), list(map(_finding, checked.findings))
    )


def _finding(finding: Finding) -> tuple[str, ...]:
    name, purpose = PURPOSES[finding.purpose]
    optional = "" if finding.required else " (advice)"
    found = [tag("code", each) for each in finding.found]
    return (
        join(tag("strong", name), optional, tag("br"), tag("small", purpose)),
        join(look.status(finding.verdict), tag("br"), finding.words),
        join(*(tag("div", each) for each in found)) if found else "nothing",
        look.copied(finding.record) if finding.record else "",
    )


def _keys(visit: Visit, seen: Seen, path: str) -> Iterator[Markup]:
    signs = max((each.created_at for each in seen.keys if each.active), default=0)
    waits = any(not each.active and each.created_at > signs for each in seen.keys)

    def use(key: DomainKey) -> str:
        if key.active:
            return "signs"
        return "waits" if key.created_at > signs else "signed before: its record may go a week later"

    yield tag("h2", "Keys")
    rows = [
        (tag("code", each.selector), each.algorithm, use(each), look.when(each.created_at, visit.now, visit.zone))
        for each in seen.keys
    ]
    if rows:
        yield look.table("Keys by which the domain signs", ("Selector", "Kind", "Use", "Made"), rows)
    else:
        yield look.notice("The domain has no keys: its mail leaves unsigned.")
    steps = ("Make a new pair.", "Publish its records, which then stand above.", "Put the pair to use.",
             "A week later take the old records away.")  # fmt: skip
    text = "Use the new pair" if waits else "Make a new pair"
    yield tag(
        "details",
        tag("summary", "Change the keys"),
        tag("ol", *(tag("li", each, class_="now" if number == (2 if waits else 0) else False)
                    for number, each in enumerate(steps))),
        look.form(f"{path}/rotate", visit.key, look.button(text, "quiet")),
        open=waits,
    )  # fmt: skip


def senders(
    visit: Visit, found: Sequence[Sender], domain: Domain | None = None, accounts: Mapping[str, str] | None = None
) -> Iterator[Markup]:
    """Senders with what can be done to each; of one `domain`, or in a list of their own with their `accounts`."""
    if domain is not None:
        yield tag("h2", "Senders on it")
    if not found and domain is not None:
        yield look.nothing(
            "There is no sender on it yet. A connection's sender becomes one by itself.",
            tag("a", "Add a sender", href=f"/console/senders?address=@{domain.name}#add", class_="button quiet"),
        )
        return
    rows = []
    for each in found:
        hidden = [
            tag("input", type="hidden", name=name, value=value)
            for name, value in (("account", each.account), ("address", each.address))
        ]
        remove = look.form("/console/senders/remove", visit.key, *hidden, look.button("Remove", "danger"))
        confirm: Markup | str = ""
        if each.status == "requested" and visit.caller.administrator:
            confirm = look.form(
                "/console/senders/confirm", visit.key, *hidden, look.button("Confirm by my word", "quiet")
            )
        acts = tag("div", confirm, look.confirm("Remove …", f"{each.address} is no sender any more then.", remove))
        owner = () if accounts is None else (accounts.get(each.account, each.account),)
        added = look.when(each.created_at, visit.now, visit.zone)
        rows.append((each.address, *owner, look.status(each.status), added, acts))
    heads = ("Address", *(() if accounts is None else ("Account",)), "State", "Added", "Change")
    yield look.table("Senders", heads, rows)
    if domain is not None:
        yield tag("p", tag("a", "Add a sender", href=f"/console/senders?address=@{domain.name}#add"))

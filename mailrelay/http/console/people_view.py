"""What the pages about accounts and users are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...interfaces.people import ACTIVE, Session, User
from ...interfaces.registry import Account
from ...manage import accounts, checked
from ...manage.errors import Invalid, Unknown
from ...manage.installation import Installation
from ..markup import Markup, tag
from . import balance, faults, look
from .balance_view import number
from .visit import Visit

HERE, USERS = "/console/accounts", "/console/users"
_ZONE = "In which its days and months begin, such as Europe/Berlin."


async def make(place: Installation, name: str, zone: str, balance: str) -> Account:
    """An account as the form describes it; whatever is wrong is told before anything is made."""
    zone = checked.zone("zone", zone) if zone else ""
    made = await accounts.create(place, name, checked.whole("balance", balance) if balance else 0)
    return await accounts.change(place, made.id, {"zone": zone}) if zone else made


def overview(
    visit: Visit, everything: Sequence[Account], everybody: Sequence[User],
    name: str = "", fault: Invalid | Unknown | None = None,
) -> list[Markup]:  # fmt: skip
    """All accounts, and the administrators."""
    new = tag("p", tag("a", "Make an account", href=f"{HERE}/new", class_="button"))
    if everything:
        members = [each.account for each in everybody]
        rows = [
            (
                tag("a", each.name, href=f"{HERE}/{each.id}"),
                each.zone,
                look.when(each.created_at, visit.now, visit.zone),
                number(members.count(each.id)),
                number(each.available),
            )
            for each in everything
        ]
        heads = ("Account", "Time zone", "Made", "Members", "May be sent")
        parts = [new, look.table("Accounts, the oldest first", heads, rows, 2)]
    else:
        parts = [look.nothing("No account is there yet. Each tenant has one, with its own mail and balance.", new)]
    administrators = [each for each in everybody if not each.account]
    return [
        *parts,
        tag("h2", "Administrators"),
        people(visit, administrators, "Who looks after everything"),
        adding(visit, "", "Add an administrator", name, fault),
    ]


def people(visit: Visit, found: Sequence[User], caption: str) -> Markup:
    """Users in a table."""
    rows = [
        (
            tag("a", each.name, href=f"{USERS}/{each.id}"),
            look.status("active" if each.status == ACTIVE else "blocked"),
            "asked for" if each.totp else "not asked for",
            look.when(each.created_at, visit.now, visit.zone),
        )
        for each in found
    ]
    return look.table(caption, ("Name", "Status", "One-time code", "Added"), rows)


def adding(visit: Visit, owner: str, text: str, name: str, fault: Invalid | Unknown | None) -> Markup:
    """The form that adds somebody; their password is made, and shown once."""
    wrong = faults.beside(fault, {}, "user")
    fields = [
        look.field("user", "Name", wrong.get("user", ""), "What they sign in with: an e-mail address or a word.",
                   value=name, required=True, autocapitalize="none", autocomplete="off"),
        tag("input", type="hidden", name="account", value=owner),
    ]  # fmt: skip
    return look.form(USERS, visit.key, *fields, look.button(text, "quiet"), stacked=True)


def new_account(visit: Visit, given: Mapping[str, str], fault: Invalid | Unknown | None) -> Markup:
    """The form that makes an account."""
    wrong = faults.beside(fault, {"zone": "zone", "balance": "balance"}, "name")
    fields = [
        look.field("name", "Name", wrong.get("name", ""), value=given["name"], required=True, autofocus=True),
        look.field("zone", "Time zone", wrong.get("zone", ""), _ZONE, value=given["zone"], placeholder="UTC"),
        look.field("balance", "Sends to begin with", wrong.get("balance", ""), "Prepaid; more can be added later.",
                   value=given["balance"], inputmode="numeric", placeholder="0"),
    ]  # fmt: skip
    return look.form(f"{HERE}/new", visit.key, *fields, look.button("Make it"), stacked=True)


def account(
    visit: Visit, found: Account, members: Sequence[User], given: Mapping[str, str], fault: Invalid | Unknown | None
) -> list[Markup]:
    """One account: what it is, who signs in for it, and acting for it."""
    caller, key = visit.caller, visit.key
    changed = isinstance(fault, Invalid) and fault.field in ("zone", "weight")
    wrong = faults.beside(fault, {"weight": "weight"}, "zone") if changed else {}
    owner = "" if caller.bound else f"?account={found.id}"
    link = tag("a", f"{number(found.available)} sends", href=f"{balance.HERE}{owner}")
    facts = [("May be sent", link), ("Time zone", found.zone)]
    if caller.administrator:
        facts.append(("Weight", f"{found.weight}, beside 1 of the others"))
    facts += [("Made", look.when(found.created_at, visit.now, visit.zone)), ("Id", tag("code", found.id))]
    parts = [look.facts(facts)]
    if caller.administrator and not caller.bound:
        hidden = tag("input", type="hidden", name="account", value=found.id)
        act = look.form("/console/act", key, hidden, look.button("Act for this account", "quiet"))
        parts.append(tag("div", act, class_="buttons"))
    fields = [look.field("zone", "Time zone", wrong.get("zone", ""), _ZONE, value=given["zone"] or found.zone)]
    if caller.administrator:
        weight = given["weight"] or str(found.weight)
        hint = "How much of its mail goes out for each of another's of weight 1."
        fields.append(look.field("weight", "Weight", wrong.get("weight", ""), hint, value=weight, inputmode="numeric"))
    form = look.form(f"{HERE}/{found.id}", key, *fields, look.button("Save", "quiet"), stacked=True)
    parts += [look.confirm("Change…", "It holds at once.", form, open=changed), tag("h2", "Members")]
    if members:
        parts.append(people(visit, members, "Who signs in for it"))
    else:
        parts.append(look.nothing("Nobody signs in for this account yet."))
    if caller.administrator and not caller.bound:
        parts.append(adding(visit, found.id, "Add a member", given["user"], None if changed else fault))
    return parts


def user(
    visit: Visit, found: User, owners: Sequence[Account], open_: Sequence[Session],
    fault: Invalid | Unknown | None, password: str,
) -> list[Markup]:  # fmt: skip
    """One user: what they are, where they are signed in, and what can be done."""
    named = {each.id: each.name for each in owners}
    parts: list[Markup] = []
    if password:
        told = "Their password, shown this once. Hand it on by a way that you trust; they change it in their settings."
        parts.append(tag("div", tag("p", told), look.copied(password), class_="secret said"))
    if fault is not None:
        parts.append(look.notice(str(fault), "fault"))
    role: str | Markup = "Administrator"
    if found.account:
        role = tag("a", f"Member of {named.get(found.account, found.account)}", href=f"{HERE}/{found.account}")
    facts: list[tuple[str, str]] = [
        ("Role", role),
        ("Status", look.status("active" if found.status == ACTIVE else "blocked")),
        ("One-time code", "asked for at sign-in" if found.totp else "not asked for"),
        ("Added", look.when(min(found.created_at, visit.now), visit.now, visit.zone)),
    ]
    parts.append(look.facts(facts))
    if open_:
        rows = [
            (
                look.when(each.seen_at, visit.now, visit.zone),
                each.address or "this machine",
                tag("bdi", each.agent[:80]),
            )
            for each in open_
        ]
        parts += [tag("h2", "Signed in"), look.table("Sessions", ("Last seen", "From", "By"), rows)]
    if visit.caller.administrator:
        parts += [tag("h2", "What shall be done?"), _acts(visit, found, owners, bool(open_))]
    return parts


def _acts(visit: Visit, found: User, owners: Sequence[Account], signed_in: bool) -> Markup:
    def form(act: str, text: str, style: str = "", *fields: str) -> Markup:
        button = look.button(text, style)
        return look.form(f"{USERS}/{found.id}/{act}", visit.key, *fields, button, stacked=bool(fields))

    made = [
        look.confirm("New password…", "One is made and shown once. Every session ends.",
                     form("password", "Make a new password")),
    ]  # fmt: skip
    if found.totp:
        text = "For somebody who lost their telephone. Every session ends."
        made.append(look.confirm("Remove the one-time code…", text, form("totp", "Remove it", "danger")))
    if signed_in:
        made.append(look.confirm("End the sessions…", "They sign in anew.", form("sessions", "End them all")))
    if found.status == ACTIVE:
        text = "They sign in no more, and what they are doing ends."
        made.append(look.confirm("Block…", text, form("block", "Block", "danger")))
    else:
        made.append(form("activate", "Let them sign in again"))
    if not visit.caller.bound:
        roles = [("", "Administrator"), *((each.id, f"Member of {each.name}") for each in owners)]
        field = look.choice("account", "Role", roles, found.account)
        made.append(look.confirm("Another role…", "Every session ends.", form("role", "Change the role", "", field)))
    made.append(look.confirm("Remove…", "They are forgotten; the audit log keeps what they did.",
                             form("remove", "Remove", "danger")))  # fmt: skip
    return tag("div", *made, class_="buttons")

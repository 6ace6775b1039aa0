"""Webhooks: where an account's events are pushed to, and what is sent there.

A webhook (account "": of everybody's events) has a name and a secret of its own, shown when it is made and whenever it
is asked for; requests are signed by it (`policy.push`). Whoever makes one with an old secret need not change its
receiver. It begins behind the newest event; what happened before can be replayed as long as events are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..interfaces import registry as registry_border
from ..interfaces.events import Happening, Sought
from ..interfaces.webhooks import Webhook
from ..mail.event import Event
from ..policy import push
from ..policy.dialect import Dialects
from ..policy.reach import Unreachable
from . import checked, happened, names
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case
from .plain import Plain, instant

ENABLED, DISABLED = "enabled", "disabled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook shall be: `events` are types, none for all; `dialect` the service whose payload it is sent, "" for
    ours; an empty `secret` is generated."""

    url: str
    name: str = ""
    account: str = ""
    events: Sequence[str] = ()
    dialect: str = ""
    secret: str = field(default="", repr=False)


#: What of a webhook can be set to something else.
SETTABLE = ("url", "name", "events", "dialect", "secret")


@audited("webhook.add")
async def add(installation: Installation, wanted: Wanted) -> Webhook:
    """A new webhook, which is told what happens from now on."""
    account = await names.account_id(installation.registry, wanted.account)
    id = installation.new_id()
    given = {name: getattr(wanted, name) for name in SETTABLE} | {"name": wanted.name or id}
    made = Webhook(
        id=id,
        account=account,
        cursor=await installation.events.head(),
        created_at=installation.now(),
        **_checked(installation, id, given),
    )
    try:
        await installation.webhooks.add(made)
    except registry_border.Taken as error:
        raise Taken("webhook", made.name) from error
    return made


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Webhook]:
    """All webhooks, or those of one account, oldest first."""
    owner = await names.account_id(installation.registry, account) if account else None
    return await installation.webhooks.every(owner)


@use_case
async def find(installation: Installation, name: str, account: str = "") -> Webhook:
    """A webhook by its id or name; of a name that several accounts have, the account must be told."""
    found = [each for each in await every(installation, account) if name in (each.id, each.name)]
    if not found:
        raise Unknown("webhook", name)
    if len(found) > 1:
        raise Invalid("account", f"several accounts have a webhook {name!r}: say which one is meant")
    return found[0]


@audited("webhook.change")
async def change(installation: Installation, name: str, changes: Mapping[str, Any], account: str = "") -> Webhook:
    """Set some of `SETTABLE`, the others as they are; what is under way goes out as it was. An empty `secret` is
    generated: the receiver must know it before it takes anything more."""
    found = await find(installation, name, account)
    for each in changes:
        if each not in SETTABLE:
            raise Invalid(each, "is not known here")
    return await _change(installation, found.id, "", _checked(installation, found.id, changes))


def _checked(installation: Installation, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a webhook out of some of `SETTABLE`, or `Invalid`."""
    made: dict[str, Any] = {}
    if "url" in given:
        try:
            installation.reach.url(given["url"])
        except Unreachable as error:
            raise Invalid("url", str(error)) from error
        made["url"] = given["url"]
    if "name" in given:
        made["name"] = checked.name("name", given["name"])
    if "events" in given:
        made["events"] = tuple(each.value for each in happened.kinds("events", given["events"]))
    if "dialect" in given:
        wanted, dialects = given["dialect"], installation.dialects
        if wanted and (wanted not in dialects or dialects.get(wanted).webhook is None):
            known = ", ".join(each.name for each in dialects if each.webhook is not None)
            raise Invalid("dialect", f"{wanted!r} tells no events; those that do: {known}")
        made["dialect"] = wanted
    if "secret" in given:
        secret = given["secret"] or push.generated(installation.random(32))
        try:
            push.key_of(secret)
        except ValueError as error:
            raise Invalid("secret", str(error)) from error
        made["sealed"] = installation.vault.seal(secret, _context(id))
    return made


@audited("webhook.remove")
async def remove(installation: Installation, name: str, account: str = "") -> Webhook:
    """Forget a webhook."""
    found = await find(installation, name, account)
    await installation.webhooks.remove(found.id)
    return found


@audited("webhook.enable")
async def enable(installation: Installation, name: str, account: str = "") -> Webhook:
    """Send again, at once, and on from the event that was taken last."""
    fresh = {"status": ENABLED, "reason": "", "failures": 0, "failing_since": 0, "next_at": 0}
    return await _change(installation, name, account, fresh)


@audited("webhook.disable")
async def disable(installation: Installation, name: str, account: str = "") -> Webhook:
    """Send nothing until it is enabled; events gather for as long as they are kept."""
    return await _change(installation, name, account, {"status": DISABLED, "reason": "disabled by hand"})


@audited("webhook.replay")
async def replay(installation: Installation, name: str, account: str, since: int, until: int = 0) -> Webhook:
    """Send what happened from one instant to another (0: now; microseconds) again, before anything new."""
    head = await installation.events.head()
    first = await installation.events.before(since)
    last = min(head, await installation.events.before(until)) if until else head
    if first >= last:
        raise Invalid("since", "nothing that is kept happened in that time")
    span = {"replay_from": first, "replay_cursor": first, "replay_until": last, "next_at": 0}
    return await _change(installation, name, account, span)


@audited("webhook.replay-one")
async def replay_one(installation: Installation, name: str, number: int, account: str = "") -> Webhook:
    """Send one event again, by its number, before anything new; not while more is sent again."""
    found = await find(installation, name, account)
    if found.replay_until:
        raise Invalid("number", "other events are being sent again: wait until that is done, or stop it")
    page = await installation.events.after(number - 1, Sought(found.account), 1)
    if [each.id for each in page.events] != [number]:
        raise Unknown("event", str(number))
    span = {"replay_from": number - 1, "replay_cursor": number - 1, "replay_until": number, "next_at": 0}
    return await _change(installation, found.id, "", span)


@audited("webhook.stop-replay")
async def stop_replay(installation: Installation, name: str, account: str = "") -> Webhook:
    """Send nothing more again; what is new goes on."""
    return await _change(installation, name, account, {"replay_from": 0, "replay_cursor": 0, "replay_until": 0})


@audited("webhook.test")
async def test(installation: Installation, name: str, account: str = "") -> Webhook:
    """Have the daemon send an event of type webhook_test, now and in its turn."""
    found = await _change(installation, name, account, {"next_at": 0})
    if found.status != ENABLED:
        raise Invalid("webhook", f"{found.name!r} is disabled: enable it first")
    facts = {"webhook": found.id, "name": found.name}
    await installation.events.tell(Event.WEBHOOK_TEST, found.account, installation.now(), facts)
    return found


async def _change(installation: Installation, name: str, account: str, changes: Mapping[str, Any]) -> Webhook:
    found = await find(installation, name, account)
    try:
        await installation.webhooks.change(found.id, changes)
    except registry_border.Taken as error:
        raise Taken("webhook", str(changes.get("name"))) from error
    return replace(found, **changes)


def payload(dialects: Dialects, hook: Webhook, each: Happening, owners: Mapping[str, str]) -> object | None:
    """What is sent of an event, None where it is not for this webhook."""
    if each.event is Event.WEBHOOK_TEST and each.facts.get("webhook") != hook.id:
        return None
    fields = happened.plain(each, owners)
    if hook.dialect and each.event is not Event.WEBHOOK_TEST:
        shape = dialects.get(hook.dialect).webhook if hook.dialect in dialects else None
        return shape.told(each.event.value, each.at, fields) if shape is not None else None
    return {"type": each.event.value, "timestamp": instant(each.at), "data": fields}


def signature(dialects: Dialects, hook: Webhook, secret: str, now: int, body: bytes) -> Mapping[str, str]:
    """The header by which the service of the webhook's dialect signs, beside ours."""
    shape = dialects.get(hook.dialect).webhook if hook.dialect in dialects else None
    return shape.signature(secret.encode("ascii"), now, body) if shape is not None else {}


def secret_of(installation: Installation, hook: Webhook) -> str:
    """The secret in clear."""
    return installation.vault.unseal(hook.sealed, _context(hook.id))


def plain(value: Webhook, owners: Mapping[str, str]) -> Plain:
    """A webhook without its secret."""
    return {
        "id": value.id,
        "name": value.name,
        "account": owners.get(value.account, value.account),
        "url": value.url,
        "events": list(value.events),
        "dialect": value.dialect,
        "status": value.status,
        "reason": value.reason,
        "cursor": value.cursor,
        "replaying": value.replay_until > 0,
        "replayed_percent": replayed(value),
        "delivered": value.delivered,
        "delivered_at": instant(value.delivered_at),
        "failures": value.failures,
        "failing_since": instant(value.failing_since),
        "next_try_at": instant(value.next_at),
        "last_error": value.last_error,
        "created_at": instant(value.created_at),
    }


def replayed(value: Webhook) -> int:
    """How much of the events that are to be sent again has been looked at, in percent; 100 when there are none."""
    whole = value.replay_until - value.replay_from
    return min(100, 100 * (value.replay_cursor - value.replay_from) // whole) if value.replay_until else 100


def _context(id: str) -> str:
    return f"webhook {id}"

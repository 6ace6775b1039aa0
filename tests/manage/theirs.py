"""An account with one of everything, and a look at all of it: what isolation is tried on."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.interfaces.changes import Wanted as WantedChanges
from mailrelay.interfaces.history import Selection
from mailrelay.interfaces.webhooks import Delivery
from mailrelay.manage import (
    accounts,
    changes,
    connections,
    domains,
    entries,
    files,
    imports,
    orders,
    persons,
    plans,
    prices,
    routes,
    suppressions,
    templates,
    tokens,
    users,
    webhooks,
)

from .place import InstallationTestCase

SENT = Delivery("D1", "H1", 1, "accepted", 1, 2, 204)


class Theirs:
    """What the other account has, one of everything."""

    account = "other"
    connection = domain = sender = template = file = route = webhook = user = message = recipient = token = (
        api_token
    ) = ""
    order = price = ""
    suppressed = "gone@b.test"


def fill(case: InstallationTestCase, theirs: Theirs) -> None:
    """Give the account "other" one of everything."""
    place = case.place
    case.account("other", domain="other.example")
    sender = case.done(domains.add_sender(place, "other", "news@other.example"))
    made = case.connection(account="other", name="theirs", dialect="standard", sender="news@other.example")
    key = case.done(connections.new_api_key(place, made.connection.id))
    theirs.connection, theirs.token = made.connection.id, key.api_key
    theirs.domain, theirs.sender = "other.example", sender.address
    theirs.template = case.done(templates.create(place, "other", {"text": "x"}, "greeting")).id
    theirs.file = case.done(files.add(place, "other", "a.txt", b"x", "price-list")).id
    theirs.route = case.done(routes.add(place, routes.Wanted(["a.example:25"], "eu", "other"))).id
    theirs.webhook = case.done(webhooks.add(place, webhooks.Wanted("https://hook.example/", account="other"))).id
    case.done(place.webhooks.change(theirs.webhook, {"cursor": 1}, [replace(SENT, webhook=theirs.webhook)]))
    theirs.user = case.done(users.add(place, "bob", "other")).user.name
    theirs.api_token = case.done(tokens.create(place, tokens.Wanted("program", "other"))).token.id
    case.done(suppressions.add(place, "other", [theirs.suppressed]))
    case.done(imports.bring(place, "other", "imported@b.test"))
    case.done(plans.give(place, "other", 1000))
    theirs.price = case.done(prices.put(place, "theirs", "EUR", [(1, "2")], account="other")).name
    theirs.order = case.done(orders.request(place, "other", 500)).id
    theirs.message = case.accepted(made, "ann@b.test", "bob@b.test")
    theirs.recipient = case.done(place.history.passages(Selection(message=theirs.message), 1))[0].recipient
    case.done(persons.erase(place, "other", "carol@b.test"))
    case.store.verdicts.keep(made.connection.id, made.connection.account, "192.0.2.9", "rcpt", ({"rule": "x"},))
    case.accepted(made, "dan@b.test")


def state(case: InstallationTestCase, theirs: Theirs) -> list[object]:
    """All that the other account has, its audit log apart."""
    place, account = case.place, "other"
    return [
        case.done(each)
        for each in (
            accounts.every(place),
            connections.every(place, account),
            domains.every(place),
            domains.senders(place),
            files.every(place, account),
            files.every(place),
            place.history.passages(Selection(), 100),
            persons.receipts(place),
            plans.every(place),
            prices.every(place),
            orders.page(place),
            entries.page(place, account),
            routes.every(place),
            suppressions.every(place),
            templates.every(place),
            place.people.users(),
            webhooks.every(place),
            place.webhooks.deliveries(theirs.webhook),
            tokens.every(place),
            place.registry.domain_keys(),
            changes.page(place, WantedChanges(account=account), 500),
        )
    ]

"""Trying a route before mail depends on it: what each of its hosts answers, up to but never with a message."""

from __future__ import annotations

from typing import Any

from ..interfaces.route_tests import RouteTest
from . import checked, routes
from .errors import Invalid
from .installation import Installation, use_case
from .rights import administrators_only


@use_case
@administrators_only
async def test(installation: Installation, account: str, name: str, to: str = "", sender: str = "") -> RouteTest:
    """Try the route of that name: stored (see `routes.find`), else of the configuration.

    `to` is a recipient who is asked about by MAIL (from `sender`, else the null sender) and RCPT, or only a domain; a
    route by MX needs one of them.
    """
    if installation.route_tests is None:
        raise Invalid("name", "nothing leaves this installation, so no route can be tried")
    recipient, domain = "", checked.domain("to", to) if to and "@" not in to else ""
    if to and not domain:
        mailbox = checked.mailbox("to", to)
        recipient, domain = mailbox.address, mailbox.domain
    if sender:
        sender = checked.mailbox("from", sender).address
    if name in installation.route_names and not account:
        owner, by_mx = "", name in installation.mx_routes
    else:
        stored = await routes.find(installation, account, name)
        owner, by_mx = stored.account, stored.mx
    if by_mx and not domain:
        raise Invalid("to", "a route by MX leads to the hosts of a recipient's domain: say which")
    return await installation.route_tests.test(owner, name, domain, sender, recipient)


def plain(found: RouteTest) -> dict[str, Any]:
    """What came of it, in plain values."""
    return {
        "route": found.route,
        "serves": found.serves,
        "reply": found.reply,
        "hosts": [
            {
                "host": each.hop.host,
                "port": each.hop.port,
                "address": each.hop.address,
                "source": each.hop.source,
                "serves": each.serves,
                "reply": each.reply,
                "tls": each.tls,
                "fault": each.fault,
                "offers": list(each.offers),
                "seconds": each.seconds,
                "transcript": each.transcript.split("\n"),
            }
            for each in found.probes
        ],
    }

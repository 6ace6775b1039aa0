"""One account's view of an installation: structural tenant isolation.

Whoever is bound to an account (a member, a token of one, an administrator acting for it) is given an installation whose
interfaces know that account and nothing else. What belongs to another is not forbidden but not there: by name or id it
is unknown, from lists it is missing, in the store where there is a parameter for it, so that pages stay whole. So a use
case needs no check of its own, and one that forgets to check reveals nothing. A method that nobody narrowed is closed
(`base`).

What an administrator alone may do with an account is another question, which the use cases answer (`rights`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .kept import OwnFiles, OwnPeople, OwnPlans, OwnRoutes, OwnTemplates, OwnTokens, OwnWebhooks
from .money import OwnBooks, OwnOrders, OwnPrices
from .past import OwnBodies, OwnChanges, OwnErasure, OwnEvents, OwnHistory, OwnStatistics, OwnWebVersions
from .registry import OwnRegistry
from .way import NoTlsReports, OwnDirectory, OwnLedger, OwnPostOffice, OwnRouteTests

if TYPE_CHECKING:
    from ..installation import Installation


def narrowed(whole: Installation, account: str) -> Installation:
    """The installation as one account (its id) sees it."""
    views: dict[str, Any] = {
        "registry": OwnRegistry(whole.registry, account),
        "history": OwnHistory(whole.history, account),
        "statistics": OwnStatistics(whole.statistics, account, whole.registry),
        "erasure": OwnErasure(whole.erasure, account),
        "files": OwnFiles(whole.files, account),
        "templates": OwnTemplates(whole.templates, account),
        "routes": OwnRoutes(whole.routes, account),
        "events": OwnEvents(whole.events, account),
        "webhooks": OwnWebhooks(whole.webhooks, account),
        "tls_reports": NoTlsReports(whole.tls_reports, account),
        "people": OwnPeople(whole.people, account, whole.caller.id),
        "tokens": OwnTokens(whole.tokens, account),
        "plans": OwnPlans(whole.plans, account),
        "prices": OwnPrices(whole.prices, account),
        "orders": OwnOrders(whole.orders, account),
        "books": OwnBooks(whole.books, account),
        "changes": OwnChanges(whole.changes, account),
        "ledger": OwnLedger(whole.ledger, account),
        "directory": OwnDirectory(whole.directory, account),
        "bodies": OwnBodies(whole.bodies, account, whole.history),
    }
    if whole.posts is not None:
        views["posts"] = OwnPostOffice(whole.posts, account, whole.registry)
    if whole.route_tests is not None:
        views["route_tests"] = OwnRouteTests(whole.route_tests, account)
    if whole.web_versions is not None:
        views["web_versions"] = OwnWebVersions(whole.web_versions, account, whole.history)
    return replace(whole, whole=whole, **views)

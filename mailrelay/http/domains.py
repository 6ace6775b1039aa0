"""``/api/v1/domains``: sending domains, what they publish, and what the DNS says about them.

``GET …`` lists them, ``POST …`` with ``{"domain": …, "account": …, "verified": false}`` registers one, ``GET …/NAME``
tells one with its keys and the records to publish, ``GET …/NAME/check`` asks the DNS; ``POST …/NAME/verify`` verifies
by the DNS, or with ``{"force": true}`` by an administrator's word, and ``…/unverify`` takes that back; ``POST
…/NAME/rotate`` goes on with changing the keys. `account` in the query says whose, where several have the domain. Where
nobody asks the DNS, as in a sandbox, a check is 409 and to verify is by word. A domain that cannot be verified is 409,
and `findings` say why.
"""

from __future__ import annotations

import json

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..manage import accounts, domain_checks, domains, plain, signing
from ..manage.domain_checks import Checked
from ..manage.installation import Installation
from ..policy.domain_check import Relay
from . import query
from .body import json_object, needed, typed
from .problem import Problem

_NOBODY = Relay("localhost", "bounces.localhost")


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve domains."""

    async def owners() -> dict[str, str]:
        return {each.id: each.name for each in await accounts.every(installation)}

    @app.route("/api/v1/domains", methods=["GET"])
    async def domain_list(request: IRequest) -> bytes:
        found = await domains.every(installation, query.text(request, "account"))
        named = await owners()
        return query.send_json(request, [plain.domain(each, named) for each in found])

    @app.route("/api/v1/domains", methods=["POST"])
    async def domain_add(request: Request) -> bytes:
        given = needed(typed(json_object(request), {"domain": str, "account": str, "verified": bool}), "domain")
        account = query.text(request, "account") or given.get("account", "")
        made = await domains.add(installation, account, given["domain"], verified=given.get("verified", False))
        request.setResponseCode(201)
        return await shown(request, made.account, made.name)

    @app.route("/api/v1/domains/<name>", methods=["GET"])
    async def domain_show(request: IRequest, name: str) -> bytes:
        return await shown(request, query.text(request, "account"), name)

    async def shown(request: IRequest, account: str, name: str) -> bytes:
        found, owned = await domains.keys(installation, account, name)
        host = (installation.relay or _NOBODY).hostname
        told = {
            "keys": [plain.domain_key(each) for each in owned],
            "records": plain.records(signing.records(found.name, owned, host)),
        }
        return query.send_json(request, plain.domain(found, await owners()) | told)

    @app.route("/api/v1/domains/<name>/check", methods=["GET"])
    async def domain_check(request: IRequest, name: str) -> bytes:
        return query.send_json(request, told(await checked(request, name), await owners()))

    @app.route("/api/v1/domains/<name>/verify", methods=["POST"])
    async def domain_verify(request: Request, name: str) -> bytes:
        account = query.text(request, "account")
        if _forced(request) or installation.resolver is None:
            found = await domains.set_verified(installation, account, name, True)
            return query.send_json(request, plain.domain(found, await owners()))
        seen = await checked(request, name)
        if not seen.verified:
            missing = [plain.finding(each) for each in seen.findings if each.required and not each.ok]
            raise Problem(409, f"{seen.domain.name} cannot be verified", more={"findings": missing})
        proven = await domain_checks.proven(installation, seen)
        return query.send_json(request, told(proven, await owners()))

    @app.route("/api/v1/domains/<name>/unverify", methods=["POST"])
    async def domain_unverify(request: IRequest, name: str) -> bytes:
        found = await domains.set_verified(installation, query.text(request, "account"), name, False)
        return query.send_json(request, plain.domain(found, await owners()))

    @app.route("/api/v1/domains/<name>/rotate", methods=["POST"])
    async def domain_rotate(request: IRequest, name: str) -> bytes:
        relay, account = installation.relay or _NOBODY, query.text(request, "account")
        done = await domain_checks.rotate(installation, installation.resolver, relay, account, name)
        records = [each for each in signing.records(name, done.keys, relay.hostname) if each.purpose == "dkim"]
        answer = {
            "step": done.step,
            "keys": [plain.domain_key(each) for each in done.keys],
            "records": plain.records(records),
            "findings": [plain.finding(each) for each in done.findings],
        }
        return query.send_json(request, answer)

    async def checked(request: IRequest, name: str) -> Checked:
        if installation.resolver is None or installation.relay is None:
            await domains.keys(installation, query.text(request, "account"), name)
            raise Problem(409, "this installation asks no DNS")
        account = query.text(request, "account")
        return await domain_checks.check(installation, installation.resolver, installation.relay, account, name)

    def told(found: Checked, named: dict[str, str]) -> dict[str, object]:
        rows = [plain.finding(each) for each in found.findings]
        return plain.domain(found.domain, named) | {"publishes": found.verified, "findings": rows}


def _forced(request: Request) -> bool:
    body = b"" if request.content is None else request.content.read()
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON in UTF-8") from None
    if not isinstance(given, dict) or given.keys() - {"force"} or not isinstance(given.get("force", False), bool):
        raise Problem(400, "force: must be true or false, and nothing else is known here", "force")
    return bool(given.get("force"))

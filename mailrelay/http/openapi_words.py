"""What the description of the API says in words: about it as a whole, its tags, and what each status means."""

from __future__ import annotations

ABOUT = """\
Everything that `mailrelay` can do, by HTTP. Send the header `Authorization: Bearer <token>` with each request but those
for this description. Bodies and answers are JSON in UTF-8; members and parameters that are not known are refused, and
so is a member that is given twice. What goes wrong is told as a problem (RFC 9457) whose `field` names the member or
parameter.

400 is for what cannot be taken as it is written, 409 for what goes against what there is already, 422 for mail that is
refused and templates that cannot be rendered. What belongs to another account is 404, as if there were none. A method
that a path has not is 405, with those that it has in `Allow`.

A POST with the header `Idempotency-Key` is carried out once: for a day the same request under the same key is given the
first one's answer, and another one is refused. Answers of GET have an `ETag`, which `If-None-Match` makes 304 of, and
which `If-Match` holds a change to.

Each token may send so many requests a minute: every answer tells in `RateLimit-Limit`, `RateLimit-Remaining` and
`RateLimit-Reset` how many pass at once, how many are left, and in how many seconds all of them are.

Lists that grow without bound come in pages: the answer has the place from which the next page goes on.
"""

TAGS = {
    "messages": "Send mail, try it without sending, and see what became of it.",
    "statistics": "How much mail came to what.",
    "events": "What happened, in order.",
    "accounts": "Tenants, and what they may still send.",
    "plans": "Sends that an account gets each month.",
    "money": "Prices, orders and the ledger of each account.",
    "connections": "The SMTP logins of accounts.",
    "domains": "Sending domains, their keys and what they publish.",
    "senders": "Addresses that an account sends from.",
    "templates": "Stored messages with variables, in versions.",
    "files": "The cache of files that messages attach by a key.",
    "suppressions": "Addresses that are not sent to.",
    "routes": "By which hosts mail leaves.",
    "webhooks": "Receivers that events are pushed to.",
    "queue": "What waits, and what can be done about it.",
    "people": "What is known of a person, and how to forget it.",
    "users": "Who signs in to the console.",
    "tokens": "Who uses this interface.",
    "changes": "The audit log.",
    "system": "How the installation is set up.",
    "sandbox": "Mail that the sandbox kept.",
}

#: What may stand in a path.
HOLES = {
    "name": "its name or id",
    "domain": "a domain",
    "receiver": "a provider, a mail host, or a domain",
    "id": "its id",
    "account": "the account, by name or id",
    "address": "an e-mail address",
    "key": "its key",
    "number": "its number",
    "day": "a day in UTC, such as 2026-11-25",
}

#: What headers of a request mean.
PARAMETERS = {
    "Idempotency-Key": "of the caller's choice: under one key a request is carried out once",
    "If-Match": "the entity tag of the state that is meant",
    "If-None-Match": "entity tags of answers that the caller has",
}

STATUSES = {
    400: "The request cannot be taken as it is written; `field` names what is wrong.",
    401: "No token, or one that is not known.",
    403: "The token may not do this.",
    404: "There is no such thing, or it belongs to another account.",
    409: "It goes against what there is already.",
    304: "It has not changed since the answer of this tag.",
    412: "It is not in the state that If-Match names.",
    413: "The body is too large.",
    415: "The body is of a kind that is not taken here, or compressed.",
    422: "The idempotency key stands for another request.",
    429: "Too many requests; try again after the seconds in Retry-After.",
}

HEADERS = {
    401: {"WWW-Authenticate": "how to show who asks"},
    429: {"Retry-After": "seconds to wait"},
    503: {"Retry-After": "seconds to wait"},
}

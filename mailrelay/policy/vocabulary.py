"""The closed sets that a dialect is written in: reply keys, rules by stage, extensions, moments, words.

Whatever a dialect file names stands here, or the file is refused. A reply key states which codes it may have and which
fields its text may show, so that a refusal can never be answered as a success, nor a text ask for what nobody
gives. This module holds data only: it reads no file and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: EHLO keywords that the server can keep its word on.
EXTENSIONS = ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH")

#: Where credentials are judged.
CREDENTIALS_AT = ("auth", "data")

#: Whose addresses may send: any verified domain of the account, only the domain of the connection's own sender, or only
#: confirmed sender addresses of the account.
SENDER_RULES = ("domain", "connection", "address")

#: What is taken as a reverse path: an address as the grammar has it, or anything at all, as if there were none.
SENDER_PATHS = ("strict", "any")

#: Who a message is recorded to come from: the client's reverse path, or the connection's bounce address where that is
#: none of the account's.
RETURN_PATHS = ("client", "bounce_address")

#: What a connection logs in by when it is made: a user name with a password, or a key that is itself the look-up.
CREDENTIALS = ("password", "api_key")

#: Which user names go with a key that is itself the look-up: any, an address of a domain that the connection may send
#: from, the key itself; beside these words a fixed name may stand.
KEY_USERNAMES = ("*", "*@{domain}", "{key}")

#: When a reserved send is captured: in the commit that accepts, or when an attempt settles.
BILLING = ("accept", "attempt")

#: What becomes of a suppressed recipient: refused at RCPT, failed after the 250, or dropped silently.
SUPPRESSED = ("refuse", "fail", "drop")

#: Why an address is suppressed.
SUPPRESSIONS = ("unsubscribe", "complaint", "hard_bounce", "manual")

#: What becomes of recipients beyond a connection's daily limit: refused, or taken in and put on record as failed.
OVER_LIMIT = ("refuse", "fail")

#: Which recipients are sent to: every one, or only the first that was taken; the others are put on record as rejected.
RECIPIENTS_SENT = ("all", "first")

#: What a control header may set, by how its value is written: fields of `mail.envelope.Instructions`, the "api_key"
#: by which its sender logs in, or "nothing" for one that is only cut out.
_TEXTS = ("tag", "client_ref", "route", "template", "idempotency_key", "priority", "valid_until", "api_key")
_FLAGS = ("track_opens", "track_clicks", "preflight")
CODECS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": (*_TEXTS, "nothing"),
        "flag": _FLAGS,
        "list": ("tag", "files"),
        "pairs": ("metadata",),
        "json": ("variables", "metadata"),
        "base64json": ("variables", "metadata"),
        "keys": ("files",),
        "prefix": ("metadata",),
    }
)

#: What a member of a JSON object, or a word of a list, may set.
MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "list": _FLAGS,
        "json": (*_TEXTS[:-1], *_FLAGS, "variables", "metadata"),
        "base64json": (*_TEXTS[:-1], *_FLAGS, "variables", "metadata"),
    }
)

#: A second header of the same name: the message is refused, the first or the last holds, or they add up.
REPEATED = ("refuse", "first", "last", "add")

#: The reply to a header that cannot be read, by what it would have set.
HEADER_REPLIES: Mapping[str, str] = MappingProxyType(
    {
        "tag": "tag_invalid",
        "client_ref": "reference_invalid",
        "route": "route_invalid",
        "template": "template_invalid",
        "variables": "variables_invalid",
        "files": "files_invalid",
        "track_opens": "tracking_invalid",
        "track_clicks": "tracking_invalid",
        "metadata": "metadata_invalid",
        "idempotency_key": "idempotency_invalid",
        "priority": "priority_invalid",
        "valid_until": "valid_until_invalid",
        "preflight": "preflight_invalid",
        "api_key": "auth_failed",
        "nothing": "header_invalid",
    }
)


@dataclass(frozen=True, slots=True)
class Option:
    """What one switch of a connection may be: "switch" (true or false), "word" (one of `words`), "number" (whole, from
    0), "text", "address" ("" or an e-mail address), or "forms" (names of the dialect's ``[variants]``)."""

    kind: str
    words: tuple[str, ...] = ()


_SWITCH = Option("switch")

#: The switches of a connection; a dialect states a default for each.
OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        # opens and clicks are counted, and List-Unsubscribe is added, where the message says nothing of it
        "track_opens": _SWITCH,
        "track_clicks": _SWITCH,
        "list_unsubscribe": _SWITCH,
        # body tags that are missing: added at the end, the message put on record as rejected, or refused
        "missing_tags": Option("word", ("append", "reject", "refuse")),
        # whose addresses may send
        "sender": Option("word", SENDER_RULES),
        # the route of a message that names none
        "default_route": Option("text"),
        # a key of a file that is not there: the message is refused, or accepted and fails
        "bad_file_key": Option("word", ("refuse", "fail")),
        # who a message is recorded to come from when its own reverse path is not the account's; "": the sender
        "bounce_address": Option("address"),
        # most recipients that are sent to in one day of UTC; 0: any number
        "daily_limit": Option("number"),
        # blocked by itself: with so many finished recipients in 24 hours (0: never) and more than so many percent of
        # them refused for good
        "block_minimum": Option("number"),
        "block_percent": Option("number"),
        # nothing leaves: the simulator says by the recipient what becomes of it (`policy.simulation`)
        "sandbox": _SWITCH,
        # other forms of the dialect's replies
        "replies": Option("forms"),
    }
)

#: How a port is spoken to: in the clear, in the clear with STARTTLS offered, TLS from the first octet.
PORT_MODES = ("plain", "starttls", "tls")

#: What a generated user name may be made of: the connection's name, the sender's domain.
USERNAME_FIELDS = frozenset({"name", "domain"})

#: Rules of `policy.admission` by the stage that may run them. "rate" comes after "mail", for its unit is taken last;
#: "daily" after "rcpt", for a connection that has such a limit.
STAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mail": (
            "paused",
            "free_space",
            "connection_active",
            "declared_size",
            "domain_known",
            "domain_verified",
            "sender_allowed",
            "balance_nonzero",
        ),
        "rate": ("rate",),
        "rcpt": ("recipient_count", "suppression", "mailbox_limit", "balance_covers"),
        "daily": ("daily_limit",),
        "data": (
            "size",
            "header",
            "content",
            "hops",
            "readable",
            "from_present",
            "from_single",
            "from_domain",
            "route_required",
            "route_known",
            "tag_limit",
            "from_allowed",
            "subject_present",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a reply key allows: codes from `lowest` to `highest`, and the fields that its text may show."""

    lowest: int
    highest: int
    fields: frozenset[str] = frozenset()

    @property
    def codes(self) -> str:
        """The allowed codes in words."""
        return str(self.lowest) if self.lowest == self.highest else f"{self.lowest} to {self.highest}"


def _only(code: int, *fields: str) -> Shape:
    return Shape(code, code, frozenset(fields))


def _success(*fields: str) -> Shape:
    return Shape(200, 299, frozenset(fields))


def _later(*fields: str) -> Shape:
    return Shape(400, 499, frozenset(fields))


def _refusal(*fields: str) -> Shape:
    return Shape(400, 599, frozenset(fields))


def _never(*fields: str) -> Shape:
    return Shape(500, 599, frozenset(fields))


#: Every reply key with its shape. A code that the protocol itself fixes (RFC 5321 4.2, RFC 4954 4) is fixed here too.
REPLIES: Mapping[str, Shape] = MappingProxyType(
    {
        # all is well
        "greeting": _only(220, "host"),
        "helo": _only(250, "host"),
        "ehlo": _only(250, "host"),
        "starttls": _only(220),
        "auth_ok": _only(235),
        "auth_plain_challenge": _only(334),
        "auth_login_username": _only(334),
        "auth_login_password": _only(334),
        "mail_ok": _only(250),
        "rcpt_ok": _only(250),
        "data_go": _only(354),
        "queued": _only(250, "id"),
        "preflight": _only(250, "count", "size", "left"),
        "reset": _only(250),
        "noop": _only(250),
        "help": _success(),
        "verify": _success(),
        "bye": _only(221),
        # the protocol was not kept
        "unknown_command": _never(),
        "not_implemented": _never(),
        "syntax": _never(),
        "line_too_long": _never(),
        "bad_sequence": _never(),
        "hello_syntax": _never(),
        "forwarding_off": _never(),
        "hello_first": _never(),
        "nested_mail": _never(),
        "mail_first": _never(),
        "rcpt_first": _never(),
        "no_valid_recipients": _never(),
        "parameter_unknown": _never(),
        "parameter_bad": _never(),
        "sender_syntax": _never(),
        "recipient_syntax": _never("address"),
        "recipient_unreadable": _never("address"),
        "utf8_needed": _never(),
        # limits
        "size_exceeded": _never("limit"),
        "message_too_big": _never("limit"),
        "header_too_big": _never("limit"),
        "too_many_recipients": _refusal(),
        "too_many_hops": _never(),
        "bad_content": _never(),
        # TLS and login
        "tls_required": _never(),
        "tls_unavailable": _refusal(),
        "tls_unsupported": _never(),
        "tls_active": _never(),
        "auth_required": _never(),
        "auth_again": _never(),
        "auth_during_mail": _never(),
        "auth_mechanism": _never(),
        "auth_cancelled": _never(),
        "auth_malformed": _never(),
        "auth_failed": _never(),
        "auth_throttled": _later(),
        # the service itself: inside failures are temporary, and 421 closes the connection
        "temporary": _later(),
        "storage_full": _later(),
        "unavailable": _only(421),
        "shutdown": _only(421),
        "timeout": _only(421),
        "too_many_errors": _only(421),
        "too_many_connections": _only(421),
        "too_many_messages": _only(421),
        "not_smtp": _only(421),
        # admission
        "connection_inactive": _never(),
        "domain_unknown": _refusal("domain", "address"),
        "domain_unverified": _refusal("domain", "address"),
        "sender_disallowed": _refusal("address"),
        "rate_limited": _later("seconds"),
        "balance_short": _refusal(),
        "daily_limit": _refusal("limit"),
        "recipient_suppressed": _refusal("address"),
        "mailbox_limit": _refusal("address"),
        "from_missing": _refusal(),
        "from_unreadable": _refusal(),
        "from_ambiguous": _refusal(),
        "from_disallowed": _refusal("address"),
        # control headers that cannot be read, and what they ask for
        **{
            key: _never("header", "reason")
            for key in (
                "tag_invalid",
                "reference_invalid",
                "route_invalid",
                "template_invalid",
                "variables_invalid",
                "files_invalid",
                "tracking_invalid",
                "metadata_invalid",
                "idempotency_invalid",
                "priority_invalid",
                "valid_until_invalid",
                "preflight_invalid",
                "header_invalid",
            )
        },
        "subject_missing": _never(),
        "message_unreadable": _never(),
        "body_unreadable": _never("reason"),
        "attachment_refused": _never("extension"),
        "file_key_unknown": _never("key"),
        "template_failed": _never("reason"),
        "tags_missing": _never(),
        "virus_found": _never("name"),
        "api_key_missing": _never(),
        "api_key_refused": _never(),
        "tag_limit": _never("tag", "limit"),
        "route_required": _never(),
        "route_unknown": _never("route"),
        "template_unknown": _never("template"),
        "idempotency_conflict": _never(),
        # a host that takes mail in for others, as the sandbox's sink does
        "mailbox_unknown": _never(),
        "mailbox_full": _never(),
        "mailbox_busy": _later(),
    }
)

#: Where a form of a reply that is chosen on purpose may have other codes than the reply itself: a service that calls
#: its own failures permanent can be repeated in this, too, by whoever asks for it.
FORMS: Mapping[str, Shape] = MappingProxyType({"temporary": _refusal()})

"""The grammar of SMTP commands: one line in, its parts out.

Pure functions over one line without its CRLF (RFC 5321 4.1, RFC 1870, 6152, 6531, 3461, 4954). They raise `Refusal`
with the reply key that is due, and `AddressError` never escapes them; they know no order of commands and keep
nothing.
"""

from __future__ import annotations

import re

from ..interfaces.submission import MailParameters
from ..mail.address import AddressError, Mailbox, parse_path, split_path
from ..mail.reply import Refusal

#: Longest command line, in octets with its CRLF (RFC 5321 4.5.3.1.4).
MAX_LINE = 512
#: The same where parameters may follow the path.
MAX_PARAMETERS_LINE = 2048
#: The same for AUTH and the responses of its exchange (RFC 4954 4).
MAX_AUTH_LINE = 12288
#: Octets of what HELO or EHLO said that are kept.
MAX_HELLO = 255

#: Commands that may not be carried out before everything said earlier is answered.
BARRIERS = frozenset({"EHLO", "HELO", "MAIL", "DATA", "AUTH", "STARTTLS", "RSET", "QUIT"})
#: Commands that bring no mail nearer.
JUNK = frozenset({"EHLO", "HELO", "RSET", "NOOP", "VRFY", "HELP"})
#: Commands of SMTP that we know and do not have.
NOT_IMPLEMENTED = frozenset({"EXPN", "ETRN", "TURN", "ATRN", "SEND", "SOML", "SAML", "BDAT", "BURL"})
#: Commands by which a proxy would speak for its client.
FORWARDING = frozenset({"XCLIENT", "XFORWARD"})
#: Methods of HTTP: whoever says one is a browser, or someone who makes a browser speak for him.
HTTP = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE"})

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE = re.compile(r"[^\x00-\x20=\x7f]+")
_SIZE = re.compile(r"[0-9]{1,20}", re.ASCII)
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+")
_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*", re.IGNORECASE)
_ORCPT = re.compile(r"[A-Za-z0-9-]+;(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+")
_RET = re.compile(r"FULL|HDRS", re.IGNORECASE)

#: What can only be parameters, behind a path of which nothing is known.
_TAIL = re.compile(r" ((?:(?:SIZE=[0-9]{1,20}|BODY=[A-Za-z0-9]+|SMTPUTF8) ?)+)\Z", re.IGNORECASE)
#: A path that at least looks like one address.
_LIKE_ADDRESS = re.compile(r"<?[^\s<>@,;:]+@[^\s<>@,;:]+>?")

#: Parameters of delivery status notifications: known, not offered.
_DSN = {"RET": _RET, "ENVID": _XTEXT, "NOTIFY": _NOTIFY, "ORCPT": _ORCPT}


def line_limit(head: bytes) -> int:
    """The longest line that may begin with these octets."""
    verb = head[:4].upper()
    if verb == b"AUTH":
        return MAX_AUTH_LINE
    return MAX_PARAMETERS_LINE if verb in (b"MAIL", b"RCPT") else MAX_LINE


def split_command(line: bytes) -> tuple[str, str]:
    """A line as its verb in upper case and the rest, trimmed. Octets that are not UTF-8 become surrogates: no address
    and no keyword holds one."""
    text = line.decode("utf-8", "surrogateescape")
    if "\t" in text and '"' not in text:
        text = text.replace("\t", " ")
    verb, _, rest = text.partition(" ")
    return verb.upper(), rest.strip(" ")


def hello_name(text: str) -> str:
    """What a client calls itself, as it may be recorded: printable ASCII, the rest escaped, bounded."""
    if not (text.isascii() and text.isprintable()):
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        text = "".join(each if " " <= each <= "~" else each.encode("unicode_escape").decode("ascii") for each in text)
    return text[:MAX_HELLO]


def parse_mail(rest: str, offers_utf8: bool, any_path: bool = False) -> tuple[Mailbox | None, MailParameters]:
    """What stands behind MAIL: the reverse path (None: the null one) and its parameters.

    SIZE, BODY and AUTH are taken whether offered or not, SMTPUTF8 only when offered. With `any_path` a path that is no
    address counts as the null one.
    """
    try:
        path, words = _path(rest, "FROM:", "sender_syntax")
        sender = parse_path(path, null=True)
    except (AddressError, Refusal) as error:
        if not any_path or rest[:5].upper() != "FROM:":
            raise error if isinstance(error, Refusal) else Refusal("sender_syntax") from None
        found = _TAIL.search(rest)
        sender, words = None, found[1] if found else ""
    parameters = _mail_parameters(words, offers_utf8) if words else _NONE
    if sender is not None and sender.utf8 and not parameters.utf8:
        if any_path:
            return None, parameters
        raise Refusal("utf8_needed")
    return sender, parameters


_NONE = MailParameters()


def parse_rcpt(rest: str, utf8: bool, postmaster: str) -> Mailbox:
    """What stands behind RCPT; `utf8` tells that MAIL had SMTPUTF8, `postmaster` is the domain of ``<Postmaster>``."""
    path, words = _path(rest, "TO:", "recipient_syntax")
    try:
        recipient = parse_path(path, postmaster=postmaster)
    except AddressError:
        recipient = None
    if recipient is None:
        key = "recipient_unreadable" if _LIKE_ADDRESS.fullmatch(path) else "recipient_syntax"
        raise Refusal(key, {"address": _bare(path)})
    if words:
        for keyword, value in _parameters(words).items():
            raise Refusal(_unoffered(keyword, value))
    if recipient.utf8 and not utf8:
        raise Refusal("utf8_needed")
    return recipient


def _path(rest: str, label: str, key: str) -> tuple[str, str]:
    if rest[: len(label)].upper() != label:
        raise Refusal("syntax")
    try:
        return split_path(rest[len(label) :].lstrip(" "))
    except AddressError:
        raise Refusal(key, {"address": _bare(rest[len(label) :])}) from None


def _bare(path: str) -> str:
    """A path as a reply shows it: without the brackets around it."""
    path = path.strip(" ")
    return path[1:-1] if path.startswith("<") and path.endswith(">") else path


def _parameters(text: str) -> dict[str, str | None]:
    """Parameters by upper-case keyword; a value of None: there was no equals sign. Twice the same one is an error."""
    found: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        keyword = keyword.upper()
        if not _KEYWORD.fullmatch(keyword) or keyword in found or (equals and not _VALUE.fullmatch(value)):
            raise Refusal("parameter_bad")
        found[keyword] = value if equals else None
    return found


def _mail_parameters(text: str, offers_utf8: bool) -> MailParameters:
    size, eight_bit, utf8 = 0, False, False
    for keyword, value in _parameters(text).items():
        if keyword == "SIZE":
            if value is None or not _SIZE.fullmatch(value):
                raise Refusal("parameter_bad")
            size = int(value)
        elif keyword == "BODY":
            if value is None or value.upper() not in ("7BIT", "8BITMIME"):
                raise Refusal("parameter_bad")
            eight_bit = value.upper() == "8BITMIME"
        elif keyword == "SMTPUTF8" and offers_utf8:
            if value is not None:
                raise Refusal("parameter_bad")
            utf8 = True
        elif keyword == "AUTH":
            if value is None or not (value == "<>" or _XTEXT.fullmatch(value)):
                raise Refusal("parameter_bad")
        else:
            raise Refusal(_unoffered(keyword, value))
    return MailParameters(size, eight_bit, utf8)


def _unoffered(keyword: str, value: str | None) -> str:
    """The reply key for a parameter that is not offered: malformed, or only not known here."""
    form = _DSN.get(keyword)
    return "parameter_bad" if form and not (value and form.fullmatch(value)) else "parameter_unknown"

"""What is one recipient's own in a message: tracked links, the open pixel, body tags, List-Unsubscribe, the To field.

A pure function of the stored source, the delivery, and where our pages are: equal octets on every attempt. What asks
for nothing personal is not even looked into, and what holds nothing to be changed leaves byte-identical. A withdrawn
key still signs what was accepted under it; whether a link is believed is judged when somebody follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..mail.address import AddressError, parse_mailbox
from ..mail.addresses import address_field
from ..mail.envelope import Delivery, Personal, pack
from ..mail.leaves import Leaf, change_leaves
from ..mail.links import follow
from ..mail.message import Message
from ..mail.tags import UNSUBSCRIBE, WEB_VERSION, fill
from ..mail.token import PATHS, Purpose, head, seal

_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  #: RFC 8058 3.1


@dataclass(frozen=True, slots=True)
class Site:
    """Where our public pages are: `url` without a slash at its end; `secret` gives that of a link key by number."""

    url: str
    secret: Callable[[int], bytes]


class Links:
    """The links of one delivery, each a URL in ASCII that needs no escape in an attribute or a field."""

    def __init__(self, delivery: Delivery, key: int, site: Site) -> None:
        self._delivery = delivery
        self._key = key
        self._secret = site.secret(key)
        self._url = site.url
        self.base = f"{site.url}/".encode("ascii")
        self._clicked = head(Purpose.CLICK, key, delivery.recipient)
        self._click = self._path(Purpose.CLICK)

    def click(self, target: bytes) -> bytes:
        """By way of us to a target."""
        return self._click + seal(self._clicked + target, self._secret)

    @property
    def open(self) -> bytes:
        return self._made(Purpose.OPEN, b"")

    @property
    def web_version(self) -> bytes:
        return self._made(Purpose.WEB_VERSION, b"")

    @property
    def unsubscribe(self) -> bytes:
        address = self._delivery.address
        try:
            mailbox = parse_mailbox(address).key
        except AddressError:  # it was taken at RCPT, which is more liberal
            mailbox = address
        return self._made(Purpose.UNSUBSCRIBE, pack(self._delivery.account) + mailbox.encode("utf-8"))

    def _made(self, purpose: Purpose, more: bytes) -> bytes:
        data = head(purpose, self._key, self._delivery.recipient) + more
        return self._path(purpose) + seal(data, self._secret)

    def _path(self, purpose: Purpose) -> bytes:
        return f"{self._url}/{PATHS[purpose]}/".encode("ascii")


def personalise(message: Message, delivery: Delivery, site: Site | None) -> Message:
    """The message for one recipient; without a `site` there are no links of ours in it."""
    personal = delivery.personal
    if personal is None:
        return message
    if personal.to:
        message = message.replace(address_field("To", delivery.name, delivery.address))
    if site is None or not _linked(personal):
        return message
    links = Links(delivery, int(personal.key), site)
    message = _with_links(message, personal, links)
    if personal.list_unsubscribe and message.get("List-Unsubscribe") is None:
        field = b"List-Unsubscribe: <%s>\r\n" % links.unsubscribe
        message = message.drop("List-Unsubscribe-Post").append(field, _ONE_CLICK)
    return message


def web_version(delivery: Delivery, site: Site | None) -> str:
    """Where the public pages show the message to its recipient, "" where it has no links of ours."""
    personal = delivery.personal
    if personal is None or site is None or not _linked(personal):
        return ""
    return Links(delivery, int(personal.key), site).web_version.decode("ascii")


def _linked(personal: Personal) -> bool:
    return personal.opens or personal.clicks or personal.tags or personal.list_unsubscribe


def _with_links(message: Message, personal: Personal, links: Links) -> Message:
    """The texts with tags filled in, links followed, and the pixel in the first HTML."""
    seen = not personal.opens

    def change(leaf: Leaf) -> Leaf:
        nonlocal seen
        if personal.tags:
            leaf = fill(leaf, {UNSUBSCRIBE: links.unsubscribe, WEB_VERSION: links.web_version})
        if not leaf.html:
            return leaf
        click = links.click if personal.clicks else None
        octets = follow(leaf.octets, click, links.base, leaf.codec, b"" if seen else links.open)
        seen = True
        return leaf if octets is leaf.octets else replace(leaf, octets=octets)

    if not (personal.opens or personal.clicks or personal.tags):
        return message
    return change_leaves(message, change)

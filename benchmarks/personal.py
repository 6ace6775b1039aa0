"""What a recipient's own links cost: a message with many, and the one of scenario T, composed for one recipient."""

from __future__ import annotations

from mailrelay.mail.envelope import Capabilities, Delivery, Personal
from mailrelay.mail.links import follow
from mailrelay.mail.message import Message
from mailrelay.relay.compose import compose
from mailrelay.relay.personal import Links, Site

SITE = Site("https://go.bench.example", lambda number: b"k" * 32)
RECIPIENT, ACCOUNT = "01KAJ2V5RTPG3M2Y6Q7XW8Z9AB", "01KAJ2V5RT0000000000000000"

_ROW = (
    b'<tr><td style="font-family:Arial,sans-serif;font-size:14px;color:#333333;padding:10px 20px" align="left">'
    b'<p style="margin:0">Some text that stands here, with <b>bold</b> words &amp; more of it, to fill it up.</p>'
    b'<a href="https://shop.bench.example/item/%d?utm_source=mail&amp;utm_campaign=x" target="_blank">See it</a>'
    b"</td></tr>\r\n"
)


def html(links: int) -> bytes:
    """HTML of some 370 octets for each link."""
    style = b"<style>" + b"td { color: red }\r\n" * 30 + b"</style>"
    rows = b"".join(_ROW % number for number in range(links))
    return b"<html><head>%s</head><body><table>%s</table></body></html>\r\n" % (style, rows)


def delivery(personal: Personal, at: int) -> Delivery:
    """One recipient of a message with something personal."""
    return Delivery(
        RECIPIENT, ACCOUNT, ACCOUNT, "C", "s@bench.example", "r@dest.example", "dest.example", "", 0, at, at + 10**12,
        personal=personal,
    )  # fmt: skip


def follow_links(count: int, at: int) -> None:
    """55 links in 20 KiB of HTML, each signed."""
    page = html(55)
    links = Links(delivery(Personal(key="1"), at), 1, SITE)
    for _ in range(count):
        follow(page, links.click, links.base)


def compose_personal(count: int, at: int) -> None:
    """Ten tracked links, the pixel and List-Unsubscribe, in quoted-printable beside a plain text."""
    from mailrelay.mail.mime import quoted_printable

    message = Message.parse(
        b"From: <sender@bench.example>\r\nTo: <recipient@dest.example>\r\nSubject: measured\r\n"
        b"Date: Sat, 21 Nov 2026 02:00:00 +0000\r\nMessage-Id: <1.2@bench.example>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        + b"plain text\r\n" * 50
        + b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quoted_printable(html(10))
        + b"\r\n--b--\r\n"
    )
    wanted = delivery(Personal(opens=True, clicks=True, list_unsubscribe=True, key="1"), at)
    offered = Capabilities(eight_bit=True, pipelining=True)
    for _ in range(count):
        compose(message, wanted, offered, "relay.example", SITE)

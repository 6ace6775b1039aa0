"""Tells twistd of the sub-command ``mailrelay``; imports nothing of ours, since a failing import here would hide it."""

from twisted.application.service import ServiceMaker

mailrelay = ServiceMaker(
    "mailrelay",
    "mailrelay.tap",
    "A transactional SMTP relay that speaks the dialects of hosted e-mail services.",
    "mailrelay",
)

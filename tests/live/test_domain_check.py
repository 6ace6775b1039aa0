"""What a domain publishes, asked of a real name server by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from .authority import Authority
from .installation import Installation

MORE = """
[delivery]
bounce_domain = "bounces.test"

[resolver]
servers = ["127.0.0.1"]
port = {port}
timeout = 10
"""


def test_published(tmp_path: Path) -> None:
    """A domain is not verified before it publishes what it is told to, and is once it does; the return path and MX only
    warn; an administrator's word is enough, too."""
    for name in ("nsd", "relay"):
        (tmp_path / name).mkdir()
    authority = Authority(tmp_path / "nsd")
    relay = Installation(tmp_path / "relay", MORE.format(port=authority.port))
    relay.cli("account", "create", "shop")
    records = relay.cli("domain", "add", "shop.test", "--account", "shop")["records"]
    zone = tmp_path / "nsd" / "test.zone"
    with zone.open("a") as file:
        for each in records:
            strings = [each["value"][start : start + 255] for start in range(0, len(each["value"]), 255)]
            file.write(f"{each['name']}. TXT {' '.join(json.dumps(text) for text in strings)}\n")
        file.write("nothing.test. A 127.0.0.99\n")
    authority.start()
    try:
        checked = json.loads(relay.command("domain", "check", "shop.test", "--json").stdout)
        verdicts = {(each["purpose"], each["verdict"]) for each in checked["findings"]}
        assert verdicts == {
            ("spf", "ok"),
            ("dkim", "ok"),
            ("dmarc", "ok"),
            ("return_path", "missing"),
            ("mx", "missing"),
        }
        assert relay.cli("domain", "verify", "shop.test")["proof"] == "dns"
        relay.cli("domain", "add", "nothing.test", "--account", "shop")
        told = relay.command("domain", "check", "nothing.test")
        assert told.returncode == 1 and "_domainkey.nothing.test. IN TXT" in told.stdout, (told.stdout, told.stderr)
        assert "spf: There is no SPF record." in relay.refusal("domain", "verify", "nothing.test")
        assert relay.cli("domain", "verify", "nothing.test", "--force")["proof"] == ""
    finally:
        authority.stop()

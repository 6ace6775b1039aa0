"""MTA-STS records and policy files (RFC 8461; T13)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.sts import LONGEST, StsFault, StsPolicy, policy_id, read_policy

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: Mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


class RecordTests(SynchronousTestCase):
    def test_id(self) -> None:
        """One record that begins right has an id; other texts beside it do not matter, a second record does."""
        self.assertEqual(policy_id(["spf", "v=STSv1; id=20160831085700Z; x=y;"]), "20160831085700Z")
        self.assertEqual(policy_id(["v=STSv1;id=1", 7]), "1")
        for texts in (
            [],
            ["v=STSv2; id=1"],
            ["v=STSv1; id=1", "v=STSv1; id=1"],
            ["v=STSv1;"],
            ["v=STSv1; id="],
            ["v=STSv1; id=a-b"],
            ["v=STSv1; id=" + "a" * 33],
        ):
            self.assertEqual(policy_id(texts), "", texts)


class PolicyTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A policy is read whatever its line ends; unknown fields are passed over."""
        lines = tuple(POLICY.split("\r\n")[:-1])
        read = StsPolicy("enforce", 604_800, ("mail.example.com", "*.example.net"), lines)
        self.assertEqual(read_policy(POLICY), read)
        more = read_policy(POLICY.replace("\r\n", "\n") + "new_field: whatever\n\n")
        self.assertEqual((more.mode, more.mx), (read.mode, read.mx))
        self.assertEqual(read_policy(POLICY + "mode: none").mode, "enforce")
        self.assertEqual(read_policy(POLICY.replace("604800", "9999999999")).max_age, LONGEST)
        self.assertEqual(read_policy("version: STSv1\nmode: none\nmax_age: 1").mx, ())

    def test_wrong(self) -> None:
        """What is no policy is refused with the reason."""
        for text, reason in (
            ("", "version"),
            (POLICY.replace("STSv1", "STSv2"), "version"),
            (POLICY.replace("enforce", "always"), "mode"),
            (POLICY.replace("604800", "-1"), "max_age"),
            (POLICY.replace("max_age", "age"), "max_age"),
            ("version: STSv1\nmode: testing\nmax_age: 1", "no mx"),
            (POLICY.replace("*.example.net", "*"), "pattern"),
            (POLICY.replace("*.example.net", "mx*.example.net"), "pattern"),
            (POLICY + "<html>", "not a field"),
        ):
            with self.assertRaisesRegex(StsFault, reason):
                read_policy(text)

    def test_hosts(self) -> None:
        """A pattern is a host, or stands for one label and no more."""
        policy = read_policy(POLICY)
        for host, taken in (
            ("mail.example.com", True),
            ("example.com", False),
            ("a.example.net", True),
            ("example.net", False),
            ("a.b.example.net", False),
            ("example.net.evil.test", False),
        ):
            self.assertEqual(policy.takes(host), taken, host)

    @given(st.text(max_size=300))
    def test_any(self, text: str) -> None:
        """Whatever a file says, it is a policy or it is not."""
        policy_id([text])
        try:
            self.assertIn(read_policy(text).mode, ("enforce", "testing", "none"))
        except StsFault:
            pass

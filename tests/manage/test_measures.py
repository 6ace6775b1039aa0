"""The names of figures: documented, and the only ones that rules and dashboards use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.manage.measures import MEASURES, table

ROOT = Path(__file__).parent.parent.parent
_NAME = re.compile(r"\bmailrelay_[a-z_]+")
_SELECTED = re.compile(r"\b(mailrelay_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby\s*\(([^)]*)\)")
#: Labels that Prometheus itself adds.
_ADDED = {"instance", "job", "le"}


def _texts(value: Any) -> Iterator[str]:
    """Every expression in a dashboard."""
    if isinstance(value, dict):
        yield from (text for key, each in value.items() for text in ([each] if key == "expr" else _texts(each)))
        if isinstance(value.get("query"), str) and "(" in value["query"]:
            yield value["query"]
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


class Measures(SynchronousTestCase):
    """One table, three readers."""

    series = {name: each for each in MEASURES.values() for name in each.series}

    def check(self, expressions: list[str]) -> set[str]:
        used: set[str] = set()
        for expression in expressions:
            names = set(_NAME.findall(expression))
            self.assertLessEqual(names, set(self.series), expression)
            used |= names
            for name, labels in _SELECTED.findall(expression):
                self.assertLessEqual(set(_LABEL.findall(labels)), {*self.series[name].labels, *_ADDED}, expression)
            known = {label for name in names for label in self.series[name].labels} | _ADDED
            for labels in _BY.findall(expression):
                self.assertLessEqual({label.strip() for label in labels.split(",")}, known, expression)
        return used

    def test_documented(self) -> None:
        """The table in the documentation is the one of the code."""
        self.assertTrue((ROOT / "docs" / "metrics.md").read_text().endswith(table()))

    def test_alert_rules(self) -> None:
        """Every alert rule asks for figures that exist, by labels that they have, and says what is wrong."""
        text = (ROOT / "etc" / "prometheus" / "mailrelay.rules.yml").read_text()
        rules = text.split("- alert: ")[1:]
        self.assertGreater(len(rules), 10)
        for rule in rules:
            with self.subTest(rule.partition("\n")[0]):
                found = re.search(r"^        expr: (.*?)^        [a-z]+:", rule, re.M | re.S)
                assert found is not None
                used = self.check([found[1]])
                self.assertTrue(used or 'up{job="mailrelay"}' in found[1])
                self.assertEqual(found[1].count("("), found[1].count(")"))
                self.assertRegex(rule, r"severity: (page|ticket)")
                self.assertRegex(rule, r"summary: \"[^\"]+\"")

    def test_dashboard(self) -> None:
        """The dashboard shows figures that exist, and leaves none out."""
        dashboard = json.loads((ROOT / "etc" / "grafana" / "mailrelay.json").read_text())
        used = self.check(list(_texts(dashboard)))
        shown = {self.series[name].name for name in used}
        self.assertEqual(shown, set(MEASURES))
        places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
        self.assertEqual(len(places), len(set(places)))

"""The description of the API is whole, true to the table, and shown to whoever asks."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from pydantic import BaseModel
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.openapi import document, statuses
from mailrelay.http.openapi_words import TAGS
from mailrelay.http.reading import checked

from .documented import EVERY
from .wire import SiteTestCase, ask


class DocumentTests(SynchronousTestCase):
    described: dict[str, Any] = document(EVERY)

    def test_whole(self) -> None:
        """Every operation is there with its scope and statuses; every reference leads somewhere; every tag is told."""
        self.assertEqual(self.described["openapi"], "3.1.0")
        for each in EVERY:
            told = self.described["paths"][each.path][each.method.lower()]
            self.assertEqual((told["operationId"], told["x-scope"]), (each.id, each.scope))
            self.assertEqual(set(map(int, told["responses"])), {each.status, *statuses(each)})
            self.assertIn(each.tag, TAGS)
        text = json.dumps(self.described)
        for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
            place = self.described
            for step in reference.split("/"):
                place = place[step]
        self.assertNotIn("__", "".join(self.described["components"]["schemas"]), "two models have one name")

    def test_examples(self) -> None:
        """What is shown as an example of a body is one that is taken."""
        for each in EVERY:
            model: type[BaseModel] | None = each.body
            if model is None:
                continue
            given = model.model_json_schema(by_alias=True).get("examples", [])
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            single = {name: field.examples[0] for name, field in fields.items() if field.examples}
            if not given and set(single) >= {name for name, field in fields.items() if field.is_required()} and single:
                given = [*given, single]
            for example in given:
                checked(model, example)


class _Elements(HTMLParser):
    """What stands in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


class PageTests(SiteTestCase):
    def test_open(self) -> None:
        """Document, page and style need no token, which everything beside them does."""
        answer = ask(self.site, "/api/v1/openapi.json")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/json"))
        self.assertEqual(answer.json()["openapi"], "3.1.0")
        self.assertEqual(ask(self.site, "/api/v1/openapi.json", "HEAD").status, 200)
        self.assertEqual(ask(self.site, "/api/v1").headers["location"], "/api/v1/")
        self.assert_problem(ask(self.site, "/api/v1/openapi.json", "POST"), 405)
        for path in ("/api/v1/openapi", "/api/v1/accounts", "/api/v1//", "/api/v1/openapi.json/", "/api/v2/"):
            self.assertIn(ask(self.site, path).status, (401, 404), path)

    def test_page(self) -> None:
        """The page holds every operation under its tag, needs no script and nothing from elsewhere, and its links
        within lead somewhere."""
        answer = ask(self.site, "/api/v1/")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/html; charset=utf-8"))
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'; style-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        elements = _Elements()
        elements.feed(answer.text)
        ids = {attributes.get("id") for _, attributes in elements.found}
        for each in ask(self.site, "/api/v1/openapi.json").json()["paths"].values():
            for told in each.values():
                self.assertIn(told["operationId"], ids)
                self.assertIn(f"tag-{told['tags'][0]}", ids)
        for tag, attributes in elements.found:
            self.assertNotIn(tag, ("script", "style", "img", "iframe"))
            self.assertNotIn("style", attributes)
            for place in (attributes.get("href"), attributes.get("src")):
                if place and place.startswith("#"):
                    self.assertIn(place[1:], ids)
                elif place:
                    self.assertEqual(ask(self.site, place).status, 200, place)

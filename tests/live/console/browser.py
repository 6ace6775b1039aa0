"""Somebody in front of the console, in Debian's Chromium, who hears of everything that the browser complains about.

``MAILRELAY_SCREENSHOTS=FOLDER`` keeps a picture of every page that is looked at, in each look.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import BrowserContext

CHROMIUM = "/usr/bin/chromium"
#: By day, by night, and on a phone.
LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
)
#: The rules of axe that look at colours: by night nothing else is other than by day.
COLOURS = ("color-contrast", "link-in-text-block")


class Person:
    """One person with one browser window: `page` is what they see, `base` where the site is."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.base = base
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path: str) -> int:
        """Open a page by its path; gives the status of the answer."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None, path
        return answer.status

    def sign_in(self, name: str, password: str) -> None:
        """Sign in by the form."""
        self.go("/console")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def look(self, name: str) -> None:
        """The page is well made in each look: nothing that axe finds, nothing wider than the screen, no complaint."""
        for number, each in enumerate(LOOKS):
            self.page.emulate_media(color_scheme=each["color_scheme"])
            self.page.set_viewport_size(each["viewport"])
            if folder := os.environ.get("MAILRELAY_SCREENSHOTS"):
                self.page.screenshot(path=f"{folder}/{name}-{number}.png", full_page=True)
            found = self.violations(COLOURS if each["color_scheme"] == "dark" else ())
            assert found.violations_count == 0, (name, each, found.generate_report())
            wide = self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            assert wide, f"{name} is wider than a screen of {each['viewport']}"
        self.page.set_viewport_size(LOOKS[0]["viewport"])
        self.page.emulate_media(color_scheme="light")

    def violations(self, rules: Sequence[str]) -> AxeResults:
        """What axe finds by some of its rules, or by all. A document reads the script once."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        script = "options => axe.run(options).then(({violations}) => ({violations}))"
        return AxeResults(self.page.evaluate(script, options))

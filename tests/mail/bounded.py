"""How far the properties of this folder are searched, where they do not say it themselves."""

from __future__ import annotations

from ..examples import at_most

bounded = at_most(150)

"""The tests: this folder mirrors the package; `tests.live` holds what needs real sockets and processes.

Hypothesis is set up here, before any test asks how far it is to search.
"""

from .examples import set_up

set_up()

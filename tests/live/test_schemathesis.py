"""schemathesis over the API's own description, with all its checks, against a daemon.

Every operation is asked with its examples and with some made-up requests; those of a few tags with every kind of value
that stands at a bound or beyond it, which takes schemathesis some seconds for each. ``MAILRELAY_SCHEMATHESIS=all``
looks at all operations that closely, for some minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .daemon import PROGRAMS, Sandbox

RULES = Path(__file__).parent / "schemathesis.toml"
#: What is looked at closely: bodies, queries of all kinds, and paths of all kinds are among them.
CLOSELY = ("accounts", "suppressions", "plans")


def run(sandbox: Sandbox, *arguments: str) -> str:
    """What schemathesis says at the end; fails with all of it, shortened, where it found something."""
    program = PROGRAMS / "schemathesis"
    assert program.exists(), "schemathesis is missing: pip install schemathesis"
    token = f"Authorization: Bearer {sandbox.facts['api_token']}"
    done = subprocess.run(
        [program, "--config-file", RULES, "run", f"{sandbox.facts['http']}/api/v1/openapi.json", "--header", token,
         "--checks", "all", "--continue-on-failure", "--no-shrink", "--no-color", "--suppress-health-check", "all",
         "--warnings", "off", *arguments],
        cwd=sandbox.folder, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    said = "\n".join(line[:300] for line in done.stdout.splitlines())
    assert done.returncode == 0, said + done.stderr[-2000:]
    return said[said.rindex("SUMMARY") :]


def test_every_operation(sandbox: Sandbox) -> None:
    """H16: no operation answers with a failure inside, or with anything that its description does not tell."""
    sys.stdout.write(run(sandbox, "--phases", "examples,fuzzing", "--max-examples", "2"))


def test_closely(sandbox: Sandbox) -> None:
    """H16: values at their bounds and beyond, parameters given twice, methods that there are not, tokens left out: each
    is answered as the description says."""
    some = [word for tag in CLOSELY for word in ("--include-tag", tag)]
    chosen = [] if os.environ.get("MAILRELAY_SCHEMATHESIS") == "all" else some
    sys.stdout.write(run(sandbox, "--phases", "coverage", *chosen))

"""``docs/walkthrough.sh``, as a newcomer runs it: from nothing to statistics, by HTTP and SMTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .daemon import Sandbox

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "walkthrough.sh"


def test_as_it_stands(sandbox: Sandbox) -> None:
    """The script ends well, and what it says is true: three mails went out, each their own, and were paid for."""
    assert shutil.which("curl"), "curl is missing: apt-get install curl"
    environment = {
        "PATH": os.environ["PATH"],
        "API": str(sandbox.facts["http"]),
        "TOKEN": str(sandbox.facts["api_token"]),
        "SMTP": f"smtp://127.0.0.1:{sandbox.ports('plain', 'standard')[0]}",
        "NAME": "walk",
    }
    done = subprocess.run(["sh", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    statistics, account = map(json.loads, done.stdout.splitlines())
    assert account["available"] == 97

    counts = statistics["counts"]
    assert (counts["accepted"], counts["delivered"], counts["billed"]) == (3, 3, 3), statistics
    names = {"ann": "Ann", "bob": "Bob", "cleo": "you"}
    for to, name in names.items():
        subjects = [each["subject"] for each in sandbox.inbox(f"{to}@example.net")]
        assert subjects == [f"Welcome, {name}"], (to, subjects)

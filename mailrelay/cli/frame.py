"""The frame of every command: options that all share, and errors as one line.

`--state`, `--config` and `--json` may stand before or after the sub-command. Whatever is wrong is said in one line
``mailrelay: <reason>`` on standard error: bad input ends with status 2, a failure with 1. No traceback is ever shown.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

#: Under which keys the shared options stand in `click.Context.meta`.
STATE, CONFIG, JSON = "mailrelay.state", "mailrelay.config", "mailrelay.json"

BAD_INPUT, FAILED = 2, 1


class Failed(click.ClickException):
    """Something asked for did not come about though the input was good."""

    exit_code = FAILED


def _keep(key: str) -> Any:
    def keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
        if value:
            context.meta[key] = value

    return keep


def shared_options() -> list[click.Parameter]:
    """Options that every command takes; the innermost one given wins."""
    return [
        click.Option(
            ["--state"],
            metavar="DIR",
            expose_value=False,
            callback=_keep(STATE),
            help="The installation's state folder.",
        ),
        click.Option(
            ["--config"], metavar="FILE", expose_value=False, callback=_keep(CONFIG), help="The configuration file."
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_keep(JSON), help="Print JSON, for programs."
        ),
    ]


class Command(click.Command):
    """A command with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class Group(click.Group):
    """A group of commands with the shared options."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options())


class Root(Group):
    """The outermost group: finds its commands when they are named, and turns every error into a line and a status.

    `rooms` maps a command to the module that has it, by its name with ``_`` for ``-``, and to its line in the help.
    """

    def __init__(self, *args: Any, rooms: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rooms = rooms or {}

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self._rooms)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self._rooms:
            return None
        module = importlib.import_module(f".{self._rooms[name][0]}", __package__)
        found: click.Command = getattr(module, name.replace("-", "_"))
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._rooms.items()])

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run, and leave the process with a status."""
        extra.pop("standalone_mode", None)
        extra["prog_name"] = "mailrelay"
        if isinstance(sys.stdout, io.TextIOWrapper):
            # a terminal that lacks a letter shows its number instead of ending the command
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            status = super().main(list(args) if args is not None else None, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = BAD_INPUT
        except BrokenPipeError:
            # the reader of a pipe has seen enough; nothing more can be written, not even at exit
            sys.stdout = None
            status = FAILED
        except (click.Abort, KeyboardInterrupt):
            status = _say("aborted", FAILED)
        except Exception as error:
            status = _told(error)
        sys.exit(status if isinstance(status, int) else 0)


def _told(error: Exception) -> int:
    """Say what went wrong; the status to leave with."""
    from ..mail.reply import Refusal
    from ..manage import Forbidden, Invalid, Unknown
    from ..vault import VaultError

    # a configuration or a dialect file is refused with all its faults, each a line that names file and key
    faults: Sequence[str] = getattr(error, "faults", ())
    if faults:
        print(*faults, sep="\n", file=sys.stderr)
        return BAD_INPUT
    match error:
        case click.ClickException():
            return _say(error.format_message(), error.exit_code)
        case Invalid() | Unknown() | Forbidden() | VaultError():
            return _say(str(error), BAD_INPUT)
        case OSError():
            return _say(": ".join(str(part) for part in (error.filename, error.strerror or error) if part), FAILED)
        case Refusal():
            return _say(
                "the state could not be written: another process holds it, or its disk is full; try again", FAILED
            )
    return _say(_cause(error), FAILED)


def _cause(error: Exception) -> str:
    """What an error of the database says, or of something nobody thought of."""
    from ..store import Unfit

    if isinstance(error, Unfit):
        return f"the database cannot be used: {error}"
    cause = getattr(error, "orig", None)
    return f"the database cannot be used: {cause}" if cause else f"{type(error).__name__}: {error}"


def _say(reason: str, status: int) -> int:
    print(f"mailrelay: {' '.join(reason.split())}", file=sys.stderr)
    return status

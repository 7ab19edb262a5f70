"""The command group: which commands there are, and how errors end."""

from __future__ import annotations

import errno
import os
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from aiida_polymorph import __version__
from aiida_polymorph.cli import reading
from aiida_polymorph.cli.options import with_present_options

COMMANDS = {
    "setup": "setup",
    "demo": "demo",
    "predict": "predict",
    "search": "search",
    "status": "reading.status",
    "relax": "relax",
    "import": "exchange",
    "export": "exchange",
    "analyse": "analyse",
    "free-energy": "free_energy",
    "integrate": "integrate",
    "coexistence": "coexistence",
    "compare": "compare",
    "diagram": "diagram",
    "dft-scan": "dft_scan",
    "phases": "reading.phases",
    "explain": "reading.explain",
    "report": "report",
}
"""Command -> module of `aiida_polymorph.cli` that holds it, as `<command>_command`, in the order of a day's work.

A module of `cli.reading` that is not listed here is a command as well, and comes last.
"""

DEBUG = "AIIDA_POLYMORPH_DEBUG"


def command_modules() -> dict[str, str]:
    """Return all commands with their modules: those of `COMMANDS`, then any other module in `cli.reading`."""
    found = {info.name.replace("_", "-"): f"reading.{info.name}" for info in iter_modules(reading.__path__)}
    return {**COMMANDS, **{name: module for name, module in found.items() if name not in COMMANDS}}


class CommandGroup(click.Group):
    """Loads a command when it is asked for, and turns errors into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a day's work."""
        return list(command_modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        module = command_modules().get(cmd_name)
        if module is None:
            return None
        return getattr(import_module(f"aiida_polymorph.cli.{module}"), f"{cmd_name.replace('-', '_')}_command")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and give its options the names that they have now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, rest if command is None else with_present_options(command, rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong becomes one message, unless the debug variable is set."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get(DEBUG) or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            raise click.ClickException(message_of(error)) from error


def message_of(error: Exception) -> str:
    """Return what to tell the user of an error."""
    text = str(error).strip().removeprefix("invalid attribute value ")  # AiiDA's words for an input that is refused
    if text and (isinstance(error, ValueError | OSError) or type(error).__module__.startswith("aiida.")):
        return text
    return f"{type(error).__name__}: {text or 'no message'} (unforeseen; {DEBUG}=1 shows where it came from)"


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version")
def main() -> None:
    """Predict which crystal polymorphs are stable, from random structure searches.

    \b
    From a composition to a phase diagram:
      aiida-polymorph setup
      aiida-polymorph search TiO2 --potential matsui-akaogi --pressure 0,20,40,60 --number 1000
      aiida-polymorph status
      aiida-polymorph analyse 123 145 167 189
      aiida-polymorph phases --pressure 20 --temperature 1600
      aiida-polymorph report 211 -o report.html

    `aiida-polymorph COMMAND --help` shows each command with examples.
    """

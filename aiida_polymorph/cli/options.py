"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from aiida_polymorph.protocol_files import FORMER_NAMES

MOST_NUMBERS = 1000
PROTOCOLS = ("fast", "moderate", "precise")
"""Names of protocols that most WorkChains have."""


class Numbers(click.ParamType):
    """Numbers as `0,20,40`, ranges as `0:60:10` (both ends included), or both, e.g. `0:40:20,60`."""

    name = "numbers"

    def __init__(self, kind: type = float, least: float | None = None, why: str = "") -> None:
        self.kind, self.least, self.why = kind, least, why

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Return the numbers without repetition, in the order given."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = [number for part in str(value).split(",") for number in self._part(part.strip())]
        except ValueError as error:
            self.fail(f"{value!r} ({error}); write numbers as 0,20,40 or a range as 0:60:10", param, ctx)
        if self.least is not None and min(numbers) < self.least:
            self.fail(f"{min(numbers):g} is less than {self.least:g}{self.why}", param, ctx)
        return tuple(dict.fromkeys(numbers))

    def _part(self, part: str) -> list[Any]:
        if ":" not in part:
            return [self._number(part)]
        bounds = [self._number(each) for each in part.split(":")]
        if len(bounds) != 3:
            raise ValueError(f"a range has a first, a last and a step, {part!r} has {len(bounds)} numbers")
        first, last, step = bounds
        if step <= 0 or last < first:
            raise ValueError(f"the range {part!r} must rise by a positive step")
        steps = (last - first) / step + 1e-9
        if not steps < MOST_NUMBERS:
            raise ValueError(f"the range {part!r} has more than {MOST_NUMBERS} numbers")
        return [self.kind(round(first + step * i, 10)) for i in range(int(steps) + 1)]

    def _number(self, text: str) -> Any:
        try:
            number = self.kind(text)
        except ValueError:
            what = "a whole number" if self.kind is int else "a number"
            raise ValueError(f"{text!r} is not {what}") from None
        if not abs(number) < float("inf"):
            raise ValueError(f"{text!r} is not finite")
        return number


class Interval(click.ParamType):
    """The lowest and the highest of something, `300:2000`."""

    name = "lowest:highest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return both."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(":"))
        except ValueError:
            self.fail(f"{value!r} must be the lowest and the highest, e.g. 300:2000", param, ctx)
        if not 0 < low < high < float("inf"):
            self.fail(f"{value!r}: the first must be above 0 and the second above the first", param, ctx)
        return low, high


class ProtocolName(click.ParamType):
    """The name of a protocol; a former name is taken with a warning that says the present one."""

    name = "protocol"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that the protocol has now; without a list of names any other is left as it is."""
        present = value if value in self.names else FORMER_NAMES.get(value, value)
        if self.names and present not in self.names:
            self.fail(f"protocol {value!r} is none of {', '.join(self.names)}", param, ctx)
        if present != value:
            click.echo(f"Warning: the protocol {value} is now called {present}.", err=True)
        return str(present)


def protocol_option(text: str, names: Sequence[str] = PROTOCOLS, **settings: Any) -> Callable[..., Any]:
    """Option `--protocol` with one of these names, or any if there are none, and `moderate` as its default."""
    settings = {"default": "moderate", "show_default": True, **settings}
    return click.option("--protocol", type=ProtocolName(names), metavar="NAME", help=text, **settings)


class Words(click.ParamType):
    """Words as `LDA,PBE,PBEsol`."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the words, each once."""
        if isinstance(value, tuple):
            return value
        words = tuple(dict.fromkeys(word.strip() for word in str(value).split(",") if word.strip()))
        return words or self.fail(f"{value!r} names nothing", param, ctx)


class Choices(click.ParamType):
    """Some of several words, written as `one,other`."""

    name = "words"

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the words without repetition, in the order given."""
        if isinstance(value, tuple):
            return value
        found = tuple(dict.fromkeys(part.strip() for part in str(value).split(",")))
        unknown = [word for word in found if word not in self.words]
        if unknown:
            self.fail(f"{', '.join(map(repr, unknown))} must be of {', '.join(self.words)}", param, ctx)
        return found


class Renaming(click.ParamType):
    """What a phase is called and its new name, `LABEL=NAME`."""

    name = "label=name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return both names."""
        if isinstance(value, tuple):
            return value
        label, _, phase = value.partition("=")
        if not label or not phase:
            self.fail(f"{value!r} must be LABEL=NAME, e.g. 123=rutile", param, ctx)
        return label, phase


class RenamedOption(click.Option):
    """An option that had another name, `former`, which is still taken with a warning."""

    def __init__(self, *args: Any, former: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.former = former


def with_present_options(command: click.Command, args: Sequence[str]) -> list[str]:
    """Return a command's arguments with the names that options have now, warning of former ones."""
    options = (param for param in command.params if isinstance(param, RenamedOption))
    present = {option.former: option.opts[0] for option in options}
    end = list(args).index("--") if "--" in args else len(args)
    renamed = []
    for arg in args[:end]:
        name, equals, value = arg.partition("=")
        if name in present:
            click.echo(f"Warning: {name} is now called {present[name]}.", err=True)
        renamed.append(present.get(name, name) + equals + value)
    return [*renamed, *args[end:]]


def check_figure_file(file: str | None) -> None:
    """Refuse a figure file that could not be written in the end.

    Raises:
        ValueError: if its ending is another than .svg or .png, or its folder is not there.
    """
    if file is None:
        return
    if Path(file).suffix.lower() not in (".svg", ".png"):
        raise ValueError(f"figure file {file} must end in .svg or .png")
    if not Path(file).resolve().parent.is_dir():
        raise ValueError(f"the folder of the figure file {file} is not there")


def add_profile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--profile` to a command and load it before the command runs."""

    @click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA profile; the default one if left out.")
    @wraps(function)
    def wrapper(*args: Any, profile_name: str | None, **kwargs: Any) -> Any:
        from aiida_polymorph.cli.profiles import open_profile

        open_profile(profile_name)
        return function(*args, **kwargs)

    return wrapper


def phase_arguments(metavar: str = "PHASES...") -> Callable[..., Any]:
    """Argument of the phases that a command works on, with the options that choose among those of a node."""
    options = [
        click.argument("phases", nargs=-1, required=True, metavar=metavar),
        click.option(
            "--only", type=Words(), metavar="NAMES", help="Only the phases of these names, e.g. rutile,20-a-Pbca."
        ),
        click.option(
            "--at-pressure",
            "representative_gpa",
            type=float,
            metavar="GPA",
            help="Where a node holds a phase at several pressures: take that nearest to this one.  [lowest --pressure]",
        ),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def pressures(required: bool = True, **settings: Any) -> Callable[..., Any]:
    """Option `--pressure` for several pressures."""
    text = "Pressures in GPa: 0,20,40 or a range 0:60:10."
    return click.option("--pressure", "pressures_gpa", type=Numbers(), required=required, help=text, **settings)


def pressure(text: str, **settings: Any) -> Callable[..., Any]:
    """Option `--pressure` for one pressure."""
    return click.option("--pressure", "pressure_gpa", type=float, metavar="GPA", help=text, **settings)


RENAMING = click.option(
    "--name",
    "names",
    type=Renaming(),
    multiple=True,
    metavar="LABEL=NAME",
    help="Rename the phase of a node (LABEL=NAME); LABEL is the phase's name, or the node's number.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, and nothing else there.")
POTENTIAL = click.option(
    "--potential",
    "potential_name",
    required=True,
    metavar="NAME|FILE|NODE",
    help="Interatomic potential: a YAML file, the name of a potential that ships (matsui-akaogi), or the number, UUID "
    "or label of a node, PotentialData or aiida-lammps's LammpsPotentialData.",
)
CODE = click.option(
    "--code",
    "code_label",
    metavar="LABEL",
    help="Code that runs the relaxations, as LABEL@COMPUTER; the one that `aiida-polymorph setup` made if left out.",
)
REFERENCES = click.option(
    "--references",
    "references",
    multiple=True,
    metavar="PHASE",
    help="Known phases: files, named by their stems, nodes, or phases that ship; if left out, all that ship for the "
    "composition.",
)

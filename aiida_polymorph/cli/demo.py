"""`demo`: TiO2 from the composition to the phase diagram, in a profile of its own."""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import Numbers
from aiida_polymorph.cli.output import duration, say, table

if TYPE_CHECKING:
    from aiida import orm

COMPOSITION = "TiO2"
POTENTIAL = "matsui-akaogi"
TEMPERATURE_K = 1600.0
LOWEST = 8
"""Phases of each pressure in the table."""


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False),
    default=".demo",
    show_default=True,
    help="Folder for the profile, the jobs and the report.",
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=600,
    show_default=True,
    help="How many structures are relaxed at each pressure.",
)
@click.option(
    "--pressure",
    "pressures_gpa",
    type=Numbers(least=0.0),
    default="0,20,40,60",
    show_default=True,
    help="Pressures in GPa.",
)
def demo_command(folder: str, number: int, pressures_gpa: tuple[float, ...]) -> None:
    """Search TiO2 with the Matsui-Akaogi potential, and end with its phase diagram.

    Everything lies in FOLDER: the AiiDA profile (SQLite, ZeroMQ; no other profile is touched), the jobs, the report.
    The daemon is started, and stopped in the end. Run again, it takes up what it has.
    """
    start = time.monotonic()
    home = Path(folder).resolve()
    _use_own_configuration(home)
    from aiida_polymorph.cli.processes import running_daemon
    from aiida_polymorph.cli.profiles import set_up

    set_up("demo")
    say(f"Profile set up in {home} ({duration(time.monotonic() - start)}).")
    with running_daemon():
        say(f"Daemon started ({duration(time.monotonic() - start)}).")
        page = _run(home, number, pressures_gpa)
    click.echo(f"\nThe demo took {duration(time.monotonic() - start)}.")
    click.echo(f"Explore it: AIIDA_PATH={home} {_program()} phases --pressure {pressures_gpa[0]:g}")
    click.echo(f"Report: {page}")


def _program() -> str:
    """Return how to call this program from here."""
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.exists() else "aiida-polymorph"


def _use_own_configuration(home: Path) -> None:
    """Point AiiDA to this folder; it looks at the variable when it is imported."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["AIIDA_PATH"] = str(home)
    warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")


def _run(home: Path, number: int, pressures_gpa: tuple[float, ...]) -> str:
    from aiida_polymorph.cli.analyse import analysis_builder, reference_set, run_analysis
    from aiida_polymorph.cli.report import write_page
    from aiida_polymorph.report.columns import THERMAL_COLUMNS

    columns = [("phase", "name", ""), ("space group", "space_group", ""), *THERMAL_COLUMNS]
    sets = _search(pressures_gpa, number)
    say("Analysing ...")
    analysis = run_analysis(analysis_builder(sets, reference_set(sets, ())))
    page = write_page(analysis, str(home / "report.html"))
    for pressure_gpa in pressures_gpa:
        click.echo(f"\nLowest phases at {pressure_gpa:g} GPa and {TEMPERATURE_K:g} K:")
        click.echo(table(lowest_phases(analysis, pressure_gpa), columns))
    return page


def lowest_phases(analysis: orm.ProcessNode, pressure_gpa: float) -> list[dict[str, Any]]:
    """Return the rows of the phases nearest to the hull, the stable one first."""
    from aiida_polymorph.results.analysis import phase_rows

    rows = phase_rows(analysis, pressure_gpa=pressure_gpa, temperature=TEMPERATURE_K)
    stated = [row for row in rows if row["above_hull_ev"] is not None]
    return sorted(stated, key=lambda row: row["above_hull_ev"])[:LOWEST]


def _search(pressures_gpa: tuple[float, ...], number: int) -> list[Any]:
    """Search at each pressure, on all cores."""
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.search import check_finished, search_builder
    from aiida_polymorph.cli.watch import SearchWatch
    from aiida_polymorph.search.recipe import Recipe
    from aiida_polymorph.workflows.machine import machine_of, search_share

    recipe, potential, code = Recipe.propose(COMPOSITION), potential_node(POTENTIAL), find_code(None)
    share = search_share(code, len(pressures_gpa))
    builders = [search_builder(recipe, potential, code, p, number, share) for p in pressures_gpa]
    searches = carry_out(
        builders, SearchWatch(number * len(pressures_gpa)), at_once=machine_of(code.computer).at_once()
    )
    check_finished(searches)
    return [search.outputs.structures for search in searches]

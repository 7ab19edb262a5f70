"""`demo`: the phase diagram of TiO2 from nothing but its composition, in a profile of its own."""

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
COUNTED_GPA = (0.0, 20.0, 40.0, 60.0)
"""Pressures of the searches without symmetry, for the estimate of the paper."""

TEMPERATURES = (300.0, 2000.0)


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False),
    default=".demo",
    show_default=True,
    help="Folder for the profile, the jobs and the report.",
)
@click.option(
    "--pressure",
    "pressures_gpa",
    type=Numbers(least=0.0),
    default="0:70:10",
    show_default=True,
    help="Pressures in GPa at which to search for phases.",
)
@click.option("--number", type=click.IntRange(min=1), help="How many structures are relaxed at each pressure.  [300]")
@click.option(
    "--counted",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    help="How many structures without symmetry are counted at each of 0, 20, 40 and 60 GPa, for the estimate of "
    "arXiv:1909.08934 beside the diagram; 0 for none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random structures.")
def demo_command(folder: str, pressures_gpa: tuple[float, ...], number: int | None, counted: int, seed: int) -> None:
    """Predict the phase diagram of TiO2 with the Matsui-Akaogi potential, with the protocol `fast` of `predict`.

    It also shows the estimate of arXiv:1909.08934, which counts how often random structures fall into each phase.

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
        pages = _run(home, pressures_gpa, number, counted, seed)
    click.echo(f"\nThe demo took {duration(time.monotonic() - start)}.")
    for what, page in pages.items():
        click.echo(f"{what}: {page}")


def _program() -> str:
    """Return how to call this program from here."""
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.exists() else "aiida-polymorph"


def _use_own_configuration(home: Path) -> None:
    """Point AiiDA to this folder; it looks at the variable when it is imported."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["AIIDA_PATH"] = str(home)
    warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")


def _run(home: Path, pressures_gpa: tuple[float, ...], number: int | None, counted: int, seed: int) -> dict[str, str]:
    """Predict, analyse what was counted, and return the files that were written, by what they are."""
    from aiida_polymorph.cli.diagram import draw
    from aiida_polymorph.results.prediction import prediction_text

    sets = _count(counted, seed) if counted else []
    say("Predicting ...")
    prediction = _predict(pressures_gpa, number, seed, sets)
    click.echo(f"\n{prediction_text(prediction)}")
    pages = {"Phase diagram": draw(prediction.outputs.diagram, str(home / "diagram.png"))}
    if sets:
        pages["Report"] = _write_report(prediction, sets, home)
    pages["Explore it"] = f"AIIDA_PATH={home} {_program()} status {prediction.pk}"
    return pages


def _count(number: int, seed: int) -> list[Any]:
    """Search without symmetry at some pressures, on all cores, and return the sets."""
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.search import check_finished, search_builder
    from aiida_polymorph.cli.watch import SearchWatch
    from aiida_polymorph.search.recipe import Recipe
    from aiida_polymorph.workflows.machine import machine_of, search_share

    recipe, potential, code = Recipe.propose(COMPOSITION, seed=seed), potential_node(POTENTIAL), find_code(None)
    share = search_share(code, len(COUNTED_GPA))
    builders = [search_builder(recipe, potential, code, p, number, share) for p in COUNTED_GPA]
    searches = carry_out(builders, SearchWatch(number * len(COUNTED_GPA)), at_once=machine_of(code.computer).at_once())
    check_finished(searches)
    return [search.outputs.structures for search in searches]


def _predict(pressures_gpa: tuple[float, ...], number: int | None, seed: int, sets: list[Any]) -> orm.ProcessNode:
    from aiida_polymorph.cli.analyse import known_structures
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.cli.predict import lammps_for, prediction_builder, run_prediction

    potential = potential_node(POTENTIAL)
    builder = prediction_builder(
        COMPOSITION,
        potential,
        find_code(None),
        known_structures(COMPOSITION, (), pressures_gpa[0], "the demo is for"),
        {f"counted_{number:02d}": node for number, node in enumerate(sets)},
        pressures_gpa,
        TEMPERATURES,
        number=number,
        seed=seed,
        protocol="fast",
        lammps=lammps_for(potential, None),
    )
    return run_prediction(builder)


def _write_report(prediction: orm.ProcessNode, sets: list[Any], home: Path) -> str:
    """Write the page, and say what the paper's estimate is."""
    from aiida_polymorph.cli.analyse import analysis_builder, reference_set, run_analysis
    from aiida_polymorph.cli.report import write_page
    from aiida_polymorph.results.diagram import STABLE_COLUMNS, diagram_of_analysis, sequence_rows

    say("Analysing what was counted ...")
    analysis = run_analysis(analysis_builder(sets, reference_set(sets, ()), protocol="fast"))
    estimate = diagram_of_analysis(analysis)
    if estimate is not None:
        click.echo("\nThe estimate of arXiv:1909.08934, by enthalpies and basin entropies:")
        click.echo(table(sequence_rows(estimate.to_diagram()), STABLE_COLUMNS))
    energies = list(prediction.outputs.energies.values())
    return write_page(analysis, str(home / "report.html"), free_energies=energies, diagram=prediction.outputs.diagram)

"""`search`: random structure searches, one for each pressure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, CODE, POTENTIAL, Numbers, RenamedOption, add_profile
from aiida_polymorph.cli.output import say, show
from aiida_polymorph.machine import LARGEST_BATCH

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.search.recipe import Recipe

NO_LOWER_BOUND = ": below it the enthalpy has no lower bound, the atoms would just fly apart"


def parse_separations(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """Return `Ti-O=1.6` and the like as a mapping."""
    separations = {}
    for value in values:
        pair, _, number = value.partition("=")
        try:
            separations[pair.strip()] = float(number)
        except ValueError:
            raise click.BadParameter(f"{value!r}; write it as Ti-O=1.6", ctx, param) from None
    return separations


@click.command("search")
@click.argument("composition")
@POTENTIAL
@click.option(
    "--pressure",
    "pressures_gpa",
    type=Numbers(least=0.0, why=NO_LOWER_BOUND),
    required=True,
    help="Pressures in GPa: 0,20,40 or a range 0:60:10.",
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="How many structures are relaxed at each pressure.",
)
@click.option(
    "--formula-units",
    type=Numbers(int, least=1),
    help="Numbers of formula units in a cell, e.g. 2,3,4,6.  [2,3,4,6,8,9,12]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the random structures: the same seed gives the same structures.",
)
@click.option(
    "--volume",
    type=click.FloatRange(min=0, min_open=True),
    metavar="A^3",
    help="Mean volume of a formula unit in the random structures; estimated if left out.",
)
@click.option(
    "--minimum-separation",
    "separations",
    cls=RenamedOption,
    former="--separation",
    multiple=True,
    callback=parse_separations,
    metavar="A-B=X",
    help="Shortest distance of two elements in the random structures, A, e.g. Ti-O=1.6. May be given again.",
)
@click.option(
    "--symmetry",
    type=Numbers(int, least=1),
    help="Space group of the random structures, or the first and the last of a range (2,230).",
)
@click.option(
    "--operations",
    type=Numbers(int, least=1),
    help="Symmetry operations in the primitive cell of the random structures, or the smallest and the largest number "
    "(2,8).  [any]",
)
@click.option(
    "--symmetry-generator",
    type=click.Choice(("spglib", "pyxtal")),
    help="What makes structures with symmetry; pyxtal needs PyXtal.  [spglib]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many jobs of a search run at a time, with one process each.  [one job on all cores]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help=f"Structures in a job.  [at most {LARGEST_BATCH} for each of its processes]",
)
@click.option(
    "--purpose",
    type=click.Choice(("count", "find", "both")),
    help="What for. count: structures without symmetry, whose frequencies give basin entropies; find: structures of "
    "random space groups, which find low phases far sooner and are not for counting; both: a search of each kind.  "
    "[count; find with --symmetry or --operations]",
)
@click.option("--no-wait", is_flag=True, help="Submit the searches to the daemon and return.")
@CODE
@AS_JSON
@add_profile
def search_command(
    composition: str,
    potential_name: str,
    pressures_gpa: tuple[float, ...],
    number: int,
    formula_units: tuple[int, ...] | None,
    seed: int,
    volume: float | None,
    separations: dict[str, float],
    symmetry: tuple[int, ...] | None,
    operations: tuple[int, ...] | None,
    symmetry_generator: str | None,
    jobs: int | None,
    batch_size: int | None,
    purpose: str | None,
    no_wait: bool,
    code_label: str | None,
    as_json: bool,
) -> None:
    """Search for the minima of COMPOSITION: random structures, relaxed at each pressure.

    The searches run through AiiDA's daemon if it is up, otherwise in this process. Structures that were relaxed before
    are not relaxed again: after an interruption, repeat the command to continue.

    \b
    Examples:
      aiida-polymorph search TiO2 --potential matsui-akaogi --pressure 0,20,40,60 --number 1000
      aiida-polymorph search SiO2 --potential my-silica.yaml --pressure 0:30:10 --formula-units 2,4 --seed 1
      aiida-polymorph search TiO2 --potential matsui-akaogi --pressure 20 --symmetry 2,230 --operations 2,8
      aiida-polymorph search TiO2 --potential matsui-akaogi --pressure 20 --no-wait --json
    """
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import SearchWatch
    from aiida_polymorph.results.searches import COLUMNS, search_row
    from aiida_polymorph.search.recipe import Recipe
    from aiida_polymorph.workflows.machine import machine_of, search_share

    common = {"seed": seed, "volume_per_formula_unit": volume, "minimum_separations": separations or None}
    recipes = [
        Recipe.propose(composition, **common, **kind)
        for kind in kinds_of_search(purpose, symmetry, formula_units, operations, symmetry_generator)
    ]
    recipe = recipes[0]
    potential, code = potential_node(potential_name), find_code(code_label)
    potential.to_potential().check_species(recipe.counts)
    overrides = {"jobs": jobs} if jobs else search_share(code, len(pressures_gpa) * len(recipes))
    if batch_size:
        overrides["batch_size"] = batch_size
    builders = [
        search_builder(recipe, potential, code, p, number, overrides) for recipe in recipes for p in pressures_gpa
    ]
    at_once = machine_of(code.computer).at_once()
    searches = carry_out(builders, SearchWatch(number * len(builders)), wait=not no_wait, at_once=at_once)
    show([search_row(search) for search in searches], COLUMNS, as_json)
    if not no_wait:
        check_finished(searches)


def kinds_of_search(
    purpose: str | None,
    symmetry: Sequence[int] | None,
    formula_units: Sequence[int] | None,
    operations: Sequence[int] | None = None,
    symmetry_generator: str | None = None,
) -> list[dict[str, Any]]:
    """Return what differs between the recipes of searches to count and to find, for those that are wanted.

    Raises:
        click.UsageError: if symmetry is asked for where structures are to be counted.
    """
    from aiida_polymorph.search.purpose import COUNT, FIND, FINDING

    asked = {"symmetry": _one_or_range(symmetry), "operations": _one_or_range(operations)}
    given = [f"--{name}" for name, value in asked.items() if value is not None]
    chosen = purpose or (FIND if given else COUNT)
    if chosen == COUNT and (given or symmetry_generator):
        option = " and ".join([*given, *(["--symmetry-generator"] if symmetry_generator else [])])
        raise click.UsageError(f"{option} goes with --purpose find: structures with symmetry can't be counted")
    wanted = {**asked, "symmetry_generator": symmetry_generator}
    finding = {**FINDING, **{name: value for name, value in wanted.items() if value is not None}}
    kinds = {COUNT: [{"symmetry": None}], FIND: [finding]}.get(chosen, [{"symmetry": None}, finding])
    return [{**kind, **({} if formula_units is None else {"formula_units": formula_units})} for kind in kinds]


def _one_or_range(numbers: Sequence[int] | None) -> int | Sequence[int] | None:
    return numbers[0] if numbers is not None and len(numbers) == 1 else numbers


def search_builder(
    recipe: Recipe,
    potential: PotentialData,
    code: orm.AbstractCode,
    pressure_gpa: float,
    number: int,
    overrides: Mapping[str, Any] | None = None,
) -> ProcessBuilder:
    """Return the builder of one search; `overrides` are inputs that differ from the protocol's."""
    from aiida_polymorph.workflows.search import SearchWorkChain

    builder: Any = SearchWorkChain.get_builder_from_protocol(
        code, potential, recipe, pressure_gpa, number, overrides=overrides
    )
    builder.metadata.label = f"{recipe.composition} at {pressure_gpa:g} GPa, {number} structures, seed {recipe.seed}"
    return builder


def check_finished(searches: Sequence[orm.ProcessNode]) -> None:
    """Tell of the searches that failed.

    Raises:
        ValueError: naming them.
    """
    from aiida_polymorph.workflows.reasons import why_not

    failed = [f"{search.pk} ({why_not(search)})" for search in searches if not search.is_finished_ok]
    if failed:
        say("`verdi process report NUMBER` says more.")
        raise ValueError(f"{len(failed)} of {len(searches)} searches failed: {'; '.join(failed)}")

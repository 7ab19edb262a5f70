"""`predict`: from a composition and a potential to the phase diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.analyse import ListOptionCommand, known_structures
from aiida_polymorph.cli.options import (
    AS_JSON,
    CODE,
    POTENTIAL,
    REFERENCES,
    Interval,
    Numbers,
    add_profile,
    check_figure_file,
    protocol_option,
)
from aiida_polymorph.cli.output import print_json, say
from aiida_polymorph.cli.search import NO_LOWER_BOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida import orm

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.data.structures import StructureSetData


@click.command("predict", cls=ListOptionCommand)
@click.argument("composition")
@POTENTIAL
@click.option(
    "--pressure",
    "pressures_gpa",
    type=Numbers(least=0.0, why=NO_LOWER_BOUND),
    required=True,
    help="Pressures in GPa at which to search, 0:70:10 or 0,20,40; the diagram reaches from the lowest to the highest.",
)
@click.option(
    "--temperature",
    "temperatures",
    type=Interval(),
    default="300:2000",
    show_default=True,
    help="Lowest and highest temperature of the diagram in K.",
)
@click.option("--number", type=click.IntRange(min=1), help="Structures that are relaxed at each pressure.")
@click.option("--formula-units", type=Numbers(int, least=1), help="Numbers of formula units in a cell, e.g. 2,3,4,6.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random structures.")
@click.option(
    "--search",
    "earlier",
    multiple=True,
    metavar="NODE",
    help="A search or set that is there already and is taken up beside the new ones. May be given again.",
)
@REFERENCES
@click.option(
    "--no-references", is_flag=True, help="Take no known structures as candidates, and name no phase by them."
)
@click.option(
    "--convention",
    type=click.Choice(("unit", "mass", "quantum")),
    help="Kind of Gibbs energies. unit: classical, with a thermal wavelength of 1 angstrom; mass: with each element's "
    "own; quantum: that, with the quantum correction of the vibrations.  [unit]",
)
@click.option(
    "--error",
    "error_gpa",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GPA",
    help="Standard error to which the pressures of all lines are to be known.  [0.5; fast: 1, precise: 0.2]",
)
@click.option(
    "--most-points",
    type=click.IntRange(min=0),
    help="State points of molecular dynamics at most; 0 for the quasi-harmonic diagram.  [40; fast: 4]",
)
@protocol_option("How accurate: fast, moderate or precise.")
@click.option("--figure", type=click.Path(dir_okay=False), metavar="FILE", help="Draw the diagram: .svg or .png.")
@click.option("--no-wait", is_flag=True, help="Submit the prediction to the daemon and return.")
@CODE
@click.option(
    "--lammps",
    "lammps_label",
    metavar="LABEL",
    help="LAMMPS for molecular dynamics, as LABEL@COMPUTER; the code that `setup` made if left out.",
)
@AS_JSON
@add_profile
def predict_command(
    composition: str,
    potential_name: str,
    earlier: tuple[str, ...],
    references: tuple[str, ...],
    no_references: bool,
    figure: str | None,
    no_wait: bool,
    code_label: str | None,
    lammps_label: str | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Predict the phase diagram of COMPOSITION over pressure and temperature.

    Random structures of all space groups are relaxed at each pressure. The phases that could be stable somewhere, by
    their enthalpies, are the candidates. Each candidate gets its Gibbs energy over the whole region from phonons of
    several cells (quasi-harmonic approximation). Where they leave open which phase is stable, free energies by
    molecular dynamics at a few state points decide, until all lines are as sharp as asked.

    Known structures are candidates too, and name the phases. For a composition whose known phases ship with the package
    (TiO2) they are taken without being asked for.

    After an interruption, repeat the command to continue.

    \b
    Examples:
      aiida-polymorph predict TiO2 --potential matsui-akaogi --pressure 0:70:10 --temperature 300:2000
      aiida-polymorph predict SiO2 --potential my.yaml --pressure 0,10,20 --protocol fast --figure diagram.png
    """
    from aiida_polymorph.cli.nodes import find_code, potential_node
    from aiida_polymorph.results.nodes import structure_set
    from aiida_polymorph.results.prediction import prediction_record, prediction_text
    from aiida_polymorph.search.recipe import normalise_composition

    check_figure_file(figure)
    code, potential = find_code(code_label), potential_node(potential_name)
    sets = {f"set_{node.pk}": node for node in map(structure_set, earlier)}
    formula, lowest = normalise_composition(composition), min(wanted["pressures_gpa"])
    known = None if no_references else known_structures(formula, references, lowest, "the prediction is for")
    lammps = lammps_for(potential, lammps_label)
    builder = prediction_builder(composition, potential, code, known, sets, lammps=lammps, **wanted)
    process = run_prediction(builder, not no_wait)
    if no_wait:
        say(f"Prediction {process.pk} is submitted; `aiida-polymorph status {process.pk}` shows how far it is.")
        return
    if figure:
        from aiida_polymorph.cli.diagram import draw

        say(f"Figure: {draw(process.outputs.diagram, figure)}")
    if as_json:
        print_json(prediction_record(process))
        return
    click.echo(f"Prediction {process.pk}.\n")
    click.echo(prediction_text(process))


def lammps_for(potential: PotentialData, label: str | None) -> orm.AbstractCode | None:
    """Return the code for molecular dynamics; None, with a word, for a potential that LAMMPS does not know."""
    from aiida_polymorph.cli.nodes import find_lammps

    if potential.to_potential().backend == "lammps":
        return find_lammps(label)
    say("Molecular dynamics needs a potential of LAMMPS; the diagram will be the quasi-harmonic one.")
    return None


def prediction_builder(
    composition: str,
    potential: Any,
    code: orm.AbstractCode,
    references: StructureSetData | None,
    structures: dict[str, StructureSetData],
    pressures_gpa: Sequence[float],
    temperatures: tuple[float, float],
    number: int | None = None,
    formula_units: Sequence[int] | None = None,
    seed: int = 0,
    convention: str | None = None,
    error_gpa: float | None = None,
    most_points: int | None = None,
    protocol: str | None = None,
    lammps: orm.AbstractCode | None = None,
) -> Any:
    """Return the builder of a prediction; what is None is left to the protocol."""
    from aiida_polymorph.workflows.predict import PredictWorkChain, proposed

    overrides: dict[str, Any] = {} if number is None else {"number": number}
    decided = {"error_gpa": error_gpa, "most_points": most_points}
    overrides["dynamics"] = {name: value for name, value in decided.items() if value is not None}
    if convention is not None:
        overrides["harmonic"] = {"settings": {"convention": convention}}
        overrides["free_energy"] = {"parameters": {"convention": convention}}
    recipe = proposed(composition, seed=seed, **({"formula_units": formula_units} if formula_units else {}))
    builder: Any = PredictWorkChain.get_builder_from_protocol(
        code, potential, recipe, pressures_gpa, temperatures, references, structures, lammps, protocol, overrides
    )
    builder.metadata.label = f"phase diagram of {recipe.composition}"
    return builder


def run_prediction(builder: Any, wait: bool = True) -> orm.ProcessNode:
    """Run a prediction and return its node.

    Raises:
        ValueError: if it failed.
    """
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import StepWatch
    from aiida_polymorph.workflows.reasons import why_not

    (node,) = carry_out([builder], StepWatch("prediction"), wait=wait)
    if wait and not node.is_finished_ok:
        raise ValueError(
            f"the prediction {node.pk} failed: {why_not(node)}; `verdi process report {node.pk}` says more"
        )
    return node

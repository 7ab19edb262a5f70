"""`relax`: any structures, relaxed at each pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, CODE, POTENTIAL, add_profile, phase_arguments, pressures
from aiida_polymorph.cli.output import say, show

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.data.structures import StructureSetData


@click.command("relax")
@phase_arguments()
@POTENTIAL
@pressures()
@click.option(
    "--rattle",
    type=click.FloatRange(min=0),
    help="Displace the atoms at random by this standard deviation (A) first, to leave saddle points.",
)
@click.option(
    "--symprec",
    type=click.FloatRange(min=0, min_open=True),
    default=0.01,
    show_default=True,
    help="Tolerance (A) with which the space group is found.",
)
@CODE
@AS_JSON
@add_profile
def relax_command(
    phases: tuple[str, ...],
    only: tuple[str, ...] | None,
    representative_gpa: float | None,
    potential_name: str,
    pressures_gpa: tuple[float, ...],
    rattle: float | None,
    symprec: float,
    code_label: str | None,
    as_json: bool,
) -> None:
    """Relax PHASES, positions and cell, at each pressure.

    A phase is a file that ASE reads, or a .res file with many structures; a node, such as a search or an analysis; or
    the name of a phase that ships. A structure that fails is listed with the reason.

    \b
    Examples:
      aiida-polymorph relax rutile.res anatase.cif --potential matsui-akaogi --pressure 0:60:10
      aiida-polymorph relax known/*.res --potential my-potential.yaml --pressure 20 --json
      aiida-polymorph relax rutile columbite --potential matsui-akaogi --pressure 0,20
      aiida-polymorph relax 211 --only rutile,20-a-Pbca --potential matsui-akaogi --pressure 20
    """
    from aiida_polymorph.cli.nodes import find_code, given_phases, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import StepWatch
    from aiida_polymorph.results.nodes import set_made_by
    from aiida_polymorph.results.relaxations import COLUMNS, relaxed_rows

    given = given_phases(phases, only, min(pressures_gpa) if representative_gpa is None else representative_gpa)
    structures, potential = given.as_set(pressures_gpa=pressures_gpa), potential_node(potential_name)
    potential.to_potential().check_species(structures.value("species"))
    builder = relax_builder(structures, potential, find_code(code_label), {"rattle": rattle} if rattle else {})
    (node,) = carry_out([builder], StepWatch("relaxation"))
    relaxed = set_made_by(node)
    if not as_json:
        say(f"Process {node.pk}, set of relaxed structures {relaxed.pk}.")
    show(relaxed_rows(relaxed.to_set(), symprec), COLUMNS, as_json)


def relax_builder(
    structures: StructureSetData, potential: PotentialData, code: orm.AbstractCode, parameters: Mapping[str, Any]
) -> ProcessBuilder:
    """Return the builder of one relaxation of all structures, each at its own pressure, on all cores."""
    from aiida_polymorph.workflows.machine import on_cores
    from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

    overrides = {"parameters": parameters, **on_cores(code, at_most=len(structures))}
    return RelaxSetWorkChain.get_builder_from_protocol(code, structures, potential, overrides=overrides)

"""`integrate`: Gibbs energies of phases along isotherms and isobars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import (
    AS_JSON,
    POTENTIAL,
    Numbers,
    RenamedOption,
    add_profile,
    phase_arguments,
    pressures,
    protocol_option,
)
from aiida_polymorph.cli.output import say, show

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.results.phase_nodes import PhasesGiven

MOST_PHASES = 100
"""In one call: each is a process of its own."""


class AnchorMethod(click.ParamType):
    """A method whose Gibbs energies integration may start from."""

    name = "method"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of the method."""
        from aiida_polymorph.thermodynamics.free_energy.registry import anchor_names

        if value not in anchor_names():
            self.fail(f"{value} is none of the methods {', '.join(anchor_names())}", param, ctx)
        return str(value)


@click.command("integrate")
@phase_arguments()
@POTENTIAL
@pressures()
@click.option(
    "--temperature",
    "temperatures",
    type=Numbers(),
    required=True,
    help="Temperatures in K: 700,1000,1300,1600 or a range.",
)
@click.option(
    "--method",
    type=AnchorMethod(),
    help="How absolute free energies at the lowest temperature are computed: equilibrium or switching (Frenkel-Ladd).",
)
@click.option(
    "--target-error",
    cls=RenamedOption,
    former="--error",
    type=float,
    help="Standard error of the absolute free energies to reach, eV per formula unit.",
)
@click.option("--atoms", "target_atoms", type=int, help="Approximate number of atoms in the supercells.")
@click.option(
    "--convention",
    type=click.Choice(["unit", "mass"]),
    help="Thermal wavelength: 1 A for every atom (unit), or each element's own (mass).",
)
@click.option("--seed", type=int, help="Seed of all random numbers.")
@click.option(
    "--isobars",
    type=click.Choice(["points", "sweeps"]),
    help="How isobars are integrated: by molecular dynamics at several temperatures (points, the default), or faster "
    "by one run at each pressure that heats and cools the phase (sweeps).",
)
@click.option("--sweep-steps", type=click.IntRange(min=1), help="Steps of a sweep in each direction.")
@click.option(
    "--figures",
    type=click.Path(file_okay=False),
    help="Folder for a figure of each state point at which a phase is not metastable.",
)
@protocol_option("How accurate: fast, moderate or precise.")
@click.option(
    "--code", "code_label", metavar="LABEL", help="LAMMPS, as LABEL@COMPUTER; the code that `setup` made if left out."
)
@AS_JSON
@add_profile
def integrate_command(
    phases: tuple[str, ...],
    only: tuple[str, ...] | None,
    representative_gpa: float | None,
    potential_name: str,
    pressures_gpa: tuple[float, ...],
    temperatures: tuple[float, ...],
    isobars: str | None,
    sweep_steps: int | None,
    figures: str | None,
    protocol: str,
    code_label: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Gibbs energies of PHASES at all temperatures and pressures.

    The absolute free energy at the lowest temperature is computed by Frenkel-Ladd, then integrated by molecular
    dynamics along the isotherm and the isobars. Where a phase is not metastable, the reason, and what it turned into,
    take the place of a number. The closure error is that of the loop through the state point: it should be zero within
    its error.

    A phase is a structure file; a node, such as an analysis with the names of its phases in --only; or the name of a
    phase that ships.

    \b
    Examples:
      aiida-polymorph integrate rutile columbite pyrite --potential matsui-akaogi --pressure 0,20 --temperature 700,1000
      aiida-polymorph integrate 211 --only rutile,20-a-Pbca --potential my.yaml --pressure 0,20 --temperature 700,1000
      aiida-polymorph integrate rutile.res --potential matsui-akaogi --pressure 0,20 --temperature 700,1000,1300,1600
    """
    if sweep_steps and isobars != "sweeps":
        raise click.UsageError("--sweep-steps needs --isobars sweeps")
    from aiida_polymorph.cli.nodes import find_lammps, given_phases, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import StepWatch
    from aiida_polymorph.results.gibbs_rows import INTEGRATE_COLUMNS, integrate_rows
    from aiida_polymorph.workflows.machine import machine_of
    from aiida_polymorph.workflows.reasons import why_not

    code, potential = find_lammps(code_label), potential_node(potential_name)
    lowest = min(pressures_gpa) if representative_gpa is None else representative_gpa
    given = given_phases(phases, only, lowest, MOST_PHASES)
    names, machine = given.names, machine_of(code.computer)
    chosen = {
        "parameters": {name: value for name, value in settings.items() if value is not None},
        "isobars": isobars,
        "sweep_steps": sweep_steps,
        "at_once": machine.share(len(given)),
    }
    overrides = {name: value for name, value in chosen.items() if value is not None}
    builders = integrate_builders(given, code, potential, temperatures, pressures_gpa, protocol, overrides)
    nodes = carry_out(builders, StepWatch("integration"), at_once=machine.at_once())
    for node, name in zip(nodes, names, strict=True):
        if not node.is_finished_ok:
            say(f"Warning: {name}: {why_not(node)}")
        if figures:
            draw_losses(node, name, Path(figures))
    rows = [row for node, name in zip(nodes, names, strict=True) for row in integrate_rows(node, name)]
    if not as_json:
        say(f"Processes {', '.join(str(node.pk) for node in nodes)}.")
        if len(nodes) > 1:
            say(f"`aiida-polymorph diagram {' '.join(str(node.pk) for node in nodes)}` shows which phase is stable.")
    show(rows, INTEGRATE_COLUMNS, as_json)


def integrate_builders(
    given: PhasesGiven,
    code: orm.AbstractCode,
    potential: PotentialData,
    temperatures: Sequence[float],
    pressures_gpa: Sequence[float],
    protocol: str | None,
    overrides: Mapping[str, Any],
) -> list[ProcessBuilder]:
    """Return the builder of each phase's integration.

    Raises:
        ValueError: if the phases have different compositions, or there is no such protocol.
    """
    from aiida_polymorph.cli.nodes import tell_phase
    from aiida_polymorph.results.phase_inputs import to_recognise
    from aiida_polymorph.workflows.integrate import IntegrateWorkChain

    builders = []
    known = to_recognise(given)
    for phase in given.phases:
        builder = IntegrateWorkChain.get_builder_from_protocol(
            code, phase.structure(), potential, list(temperatures), list(pressures_gpa), protocol, overrides
        )
        builders.append(tell_phase(builder, phase.name, known))
    return builders


def draw_losses(node: Any, name: str, folder: Path) -> None:
    """Write a picture of each place where a phase does not last, `NAME-TK-PGPa.png`, and say what became of it."""
    from aiida_polymorph.report.canvas import save_figure
    from aiida_polymorph.report.transformation import transformation_figure
    from aiida_polymorph.results.transformation import transformation_view

    folder.mkdir(parents=True, exist_ok=True)
    for child in node.called:
        if "product" in child.outputs:
            place = child.inputs.parameters
            path = folder / f"{name.replace('/', '_')}-{place['temperature']:g}K-{place['pressure_gpa']:g}GPa.png"
            save_figure(transformation_figure(transformation_view(child)), path)
            say(f"{path}: {child.outputs.summary['became']}")

"""`free-energy`: the Gibbs energy of a phase, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import (
    AS_JSON,
    POTENTIAL,
    Numbers,
    RenamedOption,
    add_profile,
    check_figure_file,
    phase_arguments,
    protocol_option,
)
from aiida_polymorph.cli.output import print_json, say

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.free_energy import FreeEnergyData
    from aiida_polymorph.data.structures import StructureSetData


class Methods(click.ParamType):
    """Methods as `equilibrium,switching`."""

    name = "methods"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the methods in the order given."""
        if isinstance(value, tuple):
            return value
        from aiida_polymorph.thermodynamics.free_energy.registry import method_names

        methods, known = tuple(part.strip() for part in value.split(",")), method_names()
        unknown = [method for method in methods if method not in known]
        if unknown:
            self.fail(f"{', '.join(unknown)} is not a method; there are {', '.join(known)}", param, ctx)
        return tuple(dict.fromkeys(methods))


@click.command("free-energy")
@phase_arguments("PHASE")
@POTENTIAL
@click.option("--pressure", "pressure_gpa", type=float, default=0.0, show_default=True, metavar="GPA", help="Pressure.")
@click.option("--temperature", type=float, required=True, metavar="K", help="Temperature.")
@click.option(
    "--method",
    "methods",
    type=Methods(),
    default="equilibrium",
    show_default=True,
    help="equilibrium or switching (Frenkel-Ladd), harmonic (quasi-harmonic), or several, e.g. equilibrium,harmonic.",
)
@click.option(
    "--target-error",
    cls=RenamedOption,
    former="--error",
    type=float,
    help="Standard error to reach, eV per formula unit; more steps are run until it is reached.",
)
@click.option(
    "--atoms",
    "sizes",
    type=Numbers(int, least=1),
    metavar="N[,N...]",
    help="Approximate number of atoms in the supercell; with several numbers, a free energy for each.",
)
@click.option(
    "--max-steps", type=int, help="Largest number of steps of molecular dynamics with springs or of the switching."
)
@click.option(
    "--convention",
    type=click.Choice(["unit", "mass", "quantum"]),
    help="Thermal wavelength: 1 A for every atom (unit), or each element's own (mass); quantum adds the harmonic "
    "quantum correction to mass.",
)
@click.option(
    "--finite-size",
    type=click.Choice(["phonons", "logarithm", "line", "none"]),
    help="Finite-size correction: from the phonons of the supercell, as 2 kT ln(N)/N, by a line through several "
    "--atoms, or none.",
)
@click.option("--seed", type=int, help="Seed of all random numbers.")
@protocol_option("How accurate: fast, moderate or precise.")
@click.option(
    "--code", "code_label", metavar="LABEL", help="LAMMPS, as LABEL@COMPUTER; the code that `setup` made if left out."
)
@click.option(
    "--figure",
    "figure_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Plot the integrand of the free energy into a .svg or .png file; not for --method harmonic.",
)
@AS_JSON
@add_profile
def free_energy_command(
    phases: tuple[str, ...],
    only: tuple[str, ...] | None,
    representative_gpa: float | None,
    potential_name: str,
    pressure_gpa: float,
    temperature: float,
    methods: tuple[str, ...],
    sizes: tuple[int, ...] | None,
    finite_size: str | None,
    protocol: str,
    code_label: str | None,
    figure_file: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Gibbs energy of PHASE at a temperature and pressure, term by term, with errors.

    Classical, with a thermal wavelength of 1 angstrom for every atom, unless another --convention is asked for. With
    several methods or sizes, --json gives a list. A phase that is not metastable has no number, but a reason, and the
    name of what it has become.

    PHASE is a structure file; a node, such as an analysis with the name of one of its phases in --only; or the name of
    a phase that ships.

    \b
    Examples:
      aiida-polymorph free-energy rutile --potential matsui-akaogi --temperature 700 --method harmonic
      aiida-polymorph free-energy 211 --only 20-a-Pbca --potential my.yaml --pressure 20 --temperature 700
      aiida-polymorph free-energy rutile.res --potential matsui-akaogi --temperature 700
      aiida-polymorph free-energy pyrite.cif --potential my.yaml --pressure 40 --temperature 1600 --method switching
      aiida-polymorph free-energy my.cif --potential my.yaml --temperature 700 --atoms 100,300 --finite-size line
    """
    from aiida_polymorph.cli.nodes import find_lammps, given_phases, potential_node
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import StepWatch
    from aiida_polymorph.results.gibbs_rows import free_energy_row, free_energy_text
    from aiida_polymorph.results.phase_inputs import to_recognise

    check_figure(figure_file, methods)
    check_sizes(sizes, finite_size, methods)
    asked = given_phases(phases, only, pressure_gpa if representative_gpa is None else representative_gpa)
    phase = asked.single()
    structure = phase.structure()
    given = {name: value for name, value in settings.items() if value is not None}
    given |= {"finite_size": "none" if finite_size == "line" else finite_size} if finite_size else {}
    code, potential, known = find_lammps(code_label), potential_node(potential_name), to_recognise(asked)
    plans = [
        (method, given | ({"target_atoms": size} if size else {})) for method in methods for size in sizes or (None,)
    ]
    builders = [
        free_energy_builder(
            code, structure, potential, temperature, pressure_gpa, method, protocol, parameters, phase.name, known
        )
        for method, parameters in plans
    ]
    nodes = carry_out(builders, StepWatch("free energy"))
    found = [free_energy_of(node) for node in nodes]
    rows = [
        free_energy_row(each, phase.name)
        for each in (in_the_limit(structure, found, len(methods)) if finite_size == "line" else found)
    ]
    if figure_file:
        write_figure(figure_file, phase.name, nodes)
    if as_json:
        print_json(rows if len(rows) > 1 else rows[0])
        return
    say(f"{'Processes' if len(nodes) > 1 else 'Process'} {', '.join(str(node.pk) for node in nodes)}.")
    click.echo("\n".join(free_energy_text(row) for row in rows))


def check_figure(file: str | None, methods: tuple[str, ...]) -> None:
    """Refuse a figure that could not be drawn or written in the end.

    Raises:
        ValueError: if its ending is another one, its folder is not there, or no method has an integrand.
    """
    from aiida_polymorph.thermodynamics.free_energy.registry import load_method, method_names

    check_figure_file(file)
    if file is not None and not any(load_method(method).has_curve for method in methods):
        drawn = [name for name in method_names() if load_method(name).has_curve]
        raise ValueError(
            f"--figure plots the integrand of {' and '.join(drawn)}; the method {', '.join(methods)} has none"
        )


def write_figure(file: str, name: str, nodes: list[orm.ProcessNode]) -> None:
    """Draw the integrands of free energies side by side, where a phase has lasted."""
    from aiida_polymorph.report.canvas import save_figure
    from aiida_polymorph.report.free_energy_curves import free_energy_figure
    from aiida_polymorph.results.free_energy_views import free_energy_view
    from aiida_polymorph.results.nodes import formula_of

    formula = formula_of(nodes[0].inputs.structure)
    views = [free_energy_view(node.outputs.free_energy, name, formula) for node in nodes]
    if not any(view.has_curve for view in views):
        say("Warning: no figure, since there is no Frenkel-Ladd free energy.")
        return
    figure = free_energy_figure(views)
    say(f"Written: {save_figure(figure, file)}")


def check_sizes(sizes: tuple[int, ...] | None, finite_size: str | None, methods: tuple[str, ...]) -> None:
    """Refuse a line that has fewer than two sizes, or none to correct.

    Raises:
        ValueError: naming what is missing.
    """
    from aiida_polymorph.thermodynamics.free_energy.registry import load_method

    if finite_size != "line":
        return
    if len(sizes or ()) < 2:
        raise ValueError("--finite-size line needs two sizes or more, for example --atoms 72,270")
    infinite = [method for method in methods if load_method(method).is_infinite]
    if infinite:
        raise ValueError(
            f"--finite-size line has no meaning for {', '.join(infinite)}, whose energies are of infinite size"
        )


def in_the_limit(structure: orm.StructureData, found: list[FreeEnergyData], methods: int) -> list[FreeEnergyData]:
    """Return the limit of infinite size of each method, from its sizes in turn."""
    from aiida_polymorph.calculations.functions.finite_size import extrapolate_sizes
    from aiida_polymorph.results.once import make_once

    sizes = len(found) // methods
    groups = [found[start : start + sizes] for start in range(0, len(found), sizes)]
    return [
        make_once(
            extrapolate_sizes, structure=structure, **{f"size_{number}": node for number, node in enumerate(group)}
        )
        for group in groups
    ]


def free_energy_builder(
    code: orm.AbstractCode,
    structure: orm.StructureData,
    potential: Any,
    temperature: float,
    pressure_gpa: float,
    method: str,
    protocol: str,
    parameters: dict[str, Any],
    name: str,
    known: StructureSetData | None,
) -> ProcessBuilder:
    """Return the builder of one free energy of a phase, and the known phases to look a lost one up in."""
    from aiida_polymorph.cli.nodes import tell_phase
    from aiida_polymorph.workflows.free_energy import free_energy_process

    overrides = {"parameters": {**parameters, "method": method}}
    builder = free_energy_process(method).get_builder_from_protocol(
        code, structure, potential, temperature, pressure_gpa, protocol, overrides
    )
    return tell_phase(builder, name, known)


def free_energy_of(node: orm.ProcessNode) -> FreeEnergyData:
    """Return what a process has computed.

    Raises:
        ValueError: if it has brought nothing.
    """
    from aiida_polymorph.workflows.reasons import why_not

    if "free_energy" not in node.outputs:
        raise ValueError(f"process {node.pk} made no free energy: {why_not(node)}")
    if not node.is_finished_ok:
        say(f"Warning: {node.exit_message}")
    return node.outputs.free_energy

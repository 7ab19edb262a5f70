"""`dft-scan`: enthalpy of phases against pressure from first principles, and by a potential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import (
    AS_JSON,
    Numbers,
    RenamedOption,
    Words,
    add_profile,
    check_figure_file,
    phase_arguments,
    protocol_option,
)
from aiida_polymorph.cli.output import say
from aiida_polymorph.cli.scan_settings import Setting

if TYPE_CHECKING:
    from collections.abc import Sequence


MOST_PHASES = 100
"""In one call, each with a process of its own for each functional."""


@click.command("dft-scan")
@phase_arguments()
@click.option(
    "--engine",
    "engines",
    type=Words(),
    required=True,
    metavar="NAMES",
    help="Codes that compute the enthalpies: castep, quantum-espresso, lammps, or several separated by commas.",
)
@click.option(
    "--functional",
    "functionals",
    type=Words(),
    metavar="NAMES",
    help="Functionals of the DFT engines, e.g. LDA,PBE,PBEsol.",
)
@click.option(
    "--pressure",
    "pressures_gpa",
    type=Numbers(),
    required=True,
    help="Two pressures or more in GPa: 0,20,40 or 0:70:10.",
)
@click.option(
    "--potential",
    "potential_name",
    metavar="NAME|FILE|NODE",
    help="Potential of the engine lammps: a YAML file, a node, or one that ships (matsui-akaogi).",
)
@protocol_option(
    "Settings of the engines: fast, moderate (default), precise, or paper (those of arXiv:1909.08934).",
    names=(),
    default=None,
)
@click.option(
    "--set",
    "settings",
    type=Setting(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting of the protocol, e.g. cutoff_ry=100 or param.cut_off_energy=800; with several engines name "
    "the one that is meant: castep:pseudos=C9. May be given again.",
)
@click.option(
    "--code",
    "code_labels",
    multiple=True,
    metavar="LABEL",
    help="Code of an engine, as LABEL@COMPUTER; if left out, the only code that is set up for its plugin. May be given "
    "again.",
)
@click.option(
    "--symmetry/--no-symmetry",
    default=True,
    show_default=True,
    help="Keep the space group of each phase, or let it change.",
)
@click.option(
    "--primitive/--as-is",
    default=True,
    show_default=True,
    help="Compute the primitive cells, or the cells as they are given.",
)
@click.option("--processes", type=click.IntRange(min=1), help="Number of MPI processes of a DFT job.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Wall time of a DFT job in hours.")
@click.option("--queue", metavar="NAME", help="Queue to which DFT jobs are submitted.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many phases are relaxed at a time; if left out, as many as there are cores.",
)
@click.option(
    "--compare-with",
    "earlier",
    cls=RenamedOption,
    former="--beside",
    multiple=True,
    metavar="NODE",
    help="Show an earlier scan in the same tables and figure. May be given again.",
)
@click.option(
    "--relative-to", metavar="PHASE", help="Phase whose enthalpy is taken as zero; the first one if left out."
)
@click.option(
    "--figure", type=click.Path(dir_okay=False), metavar="FILE", help="Plot the enthalpies into a .svg or .png file."
)
@click.option(
    "--no-wait",
    is_flag=True,
    help="Submit the scans to the daemon and return; repeat the command without this option to see the results.",
)
@AS_JSON
@add_profile
def dft_scan_command(
    phases: tuple[str, ...],
    only: tuple[str, ...] | None,
    representative_gpa: float | None,
    engines: tuple[str, ...],
    earlier: tuple[str, ...],
    relative_to: str | None,
    figure: str | None,
    no_wait: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Enthalpy of phases against pressure by DFT and by a potential.

    Each engine and functional relaxes each phase at one pressure after another, starting from the relaxed structure at
    the neighbouring pressure. A phase is a structure file, whose name it has; a node, such as an analysis with the
    names of its phases in --only; or the name of a phase that ships. The documentation lists the settings of each
    engine under "Inputs and outputs".

    \b
    Examples:
      aiida-polymorph dft-scan rutile.res pyrite.res --engine quantum-espresso --functional PBE --pressure 0,20,40
      aiida-polymorph dft-scan 211 --only rutile,20-a-Pbca --engine lammps --potential my.yaml --pressure 0:60:10
      aiida-polymorph dft-scan *.res --engine castep,lammps --functional LDA,PBE,PBEsol --potential matsui-akaogi \\
          --pressure 0:70:10 --protocol paper --code castep@cluster --hours 12 --figure scan.png
    """
    from aiida_polymorph.cli.nodes import given_phases
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.scan_inputs import scan_builders
    from aiida_polymorph.cli.scan_results import find_scans, show_scans
    from aiida_polymorph.cli.watch import ScanWatch
    from aiida_polymorph.workflows.dft_scan import check_phases

    check_figure_file(figure)
    lowest = min(chosen["pressures_gpa"]) if representative_gpa is None else representative_gpa
    given = given_phases(phases, only, lowest, MOST_PHASES)
    check_phases(given.structures)
    starts, names = given.as_set(chosen["primitive"]), given.names
    others = find_scans(earlier, given.composition)
    if relative_to is not None and relative_to not in names:
        raise click.UsageError(f"--relative-to {relative_to} is none of the phases {', '.join(names)}")
    builders = scan_builders(starts, engines, chosen)
    nodes = carry_out(builders, ScanWatch(), wait=not no_wait, at_once=1 if all_here(builders) else None)
    if no_wait:
        say(
            f"Processes {', '.join(str(node.pk) for node in nodes)}; repeat the command without --no-wait to see the "
            "results."
        )
        return
    show_scans([*nodes, *others], relative_to or names[0], figure, as_json)


def all_here(builders: Sequence[Any]) -> bool:
    """Return whether all scans share this machine, so that they run one after the other."""
    from aiida_polymorph.workflows.machine import machine_of

    return all(machine_of(builder.code.computer).is_ours_to_share for builder in builders)

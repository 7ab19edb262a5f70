"""`analyse`: from sets of structures to phases and their chemical potentials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, CODE, PROTOCOLS, REFERENCES, add_profile, protocol_option
from aiida_polymorph.cli.output import print_json, say, show

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.structures import StructureSetData


class ListOptionCommand(click.Command):
    """A command whose `--references` takes all phases that follow it: `--references a.res b.res rutile`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further phase."""
        return super().parse_args(ctx, repeat_option("--references", args) if "--references" in args else args)


def repeat_option(option: str, args: Sequence[str]) -> list[str]:
    """Return the arguments with `option` written before every file, or phase that ships, that follows it."""
    from aiida_polymorph.references import find_references

    result: list[str] = []
    following = False
    for arg in args:
        is_phase = not arg.startswith("-") and (Path(arg).exists() or bool(find_references(arg)))
        if following and is_phase and result[-1] != option:
            result.append(option)
        following = arg == option or (following and (is_phase or result[-1] == option))
        result.append(arg)
    return result


@click.command("analyse", cls=ListOptionCommand)
@click.argument("nodes", nargs=-1, required=True, metavar="NODES...")
@REFERENCES
@click.option("--no-references", is_flag=True, help="Do not label phases by known structures.")
@click.option(
    "--potential",
    "potential_name",
    metavar="NAME|FILE|NODE",
    help="Potential that made the sets; needed for imported sets only.",
)
@protocol_option(
    "Settings of the analysis: fast, moderate, precise, or paper (those of arXiv:1909.08934).", (*PROTOCOLS, "paper")
)
@click.option(
    "--eps",
    type=click.FloatRange(min=0, min_open=True),
    help="Radius of the clustering (DBSCAN) in the kernel map; chosen from the data if left out.",
)
@click.option(
    "--min-samples",
    type=click.IntRange(min=1),
    help="How many structures a cluster needs to count as a phase (DBSCAN).  [3]",
)
@CODE
@AS_JSON
@add_profile
def analyse_command(
    nodes: tuple[str, ...],
    references: tuple[str, ...],
    no_references: bool,
    potential_name: str | None,
    protocol: str,
    eps: float | None,
    min_samples: int | None,
    code_label: str | None,
    as_json: bool,
) -> None:
    """Find the phases in searches (one NODE a pressure), their basin entropies, and their chemical potentials.

    Known structures are relaxed at each pressure first and give their names to the phases. For a composition whose
    known phases ship with the package (TiO2) they are taken without being asked for.

    \b
    Examples:
      aiida-polymorph analyse 123 145 167 189
      aiida-polymorph analyse 123 --references known/*.res --json
      aiida-polymorph analyse 123 --references rutile anatase my-phase.cif
      aiida-polymorph analyse 123 --no-references --eps 0.001
    """
    from aiida_polymorph.results.analysis import SUMMARY_COLUMNS, analysis_summary
    from aiida_polymorph.results.nodes import structure_set
    from aiida_polymorph.results.unseen import unseen_table

    sets = [structure_set(node) for node in nodes]
    overrides = {"settings": {key: value for key, value in {"eps": eps, "min_samples": min_samples}.items() if value}}
    known = None if no_references else reference_set(sets, references)
    builder = analysis_builder(sets, known, potential_name, code_label, protocol, overrides)
    summary = analysis_summary(run_analysis(builder))
    if as_json:
        print_json(summary)
        return
    click.echo(f"Analysis {summary['node']}: {summary['structures']} structures, {summary['phases']} phases.\n")
    show(summary["pressures"], SUMMARY_COLUMNS, as_json)
    click.echo(unseen_table(summary["pressures"]))
    say(f"`aiida-polymorph phases {summary['node']}` shows the phases.")


def reference_set(sets: Sequence[StructureSetData], given: Sequence[str]) -> StructureSetData | None:
    """Return the known structures: those given, or those that ship for the composition; None where none do.

    Raises:
        ValueError: if one can't be found, or has another composition than the sets.
    """
    pressures = [each.value("pressure_gpa") for each in sets]
    lowest = min((p for p in pressures if p is not None), default=0.0)
    return known_structures(sets[0].value("composition"), given, lowest, "the structures to analyse")


def known_structures(
    composition: str, given: Sequence[str], pressure_gpa: float, beside: str
) -> StructureSetData | None:
    """Return the known structures of a composition: those given, or those that ship; None where none do.

    Args:
        composition: reduced formula.
        given: files, nodes, or names of phases that ship.
        pressure_gpa: where a node holds a phase at several pressures, that nearest to this one is taken.
        beside: what must have the same composition, for the message.

    Raises:
        ValueError: if one can't be found, or has another composition.
    """
    from aiida_polymorph.cli.nodes import given_phases
    from aiida_polymorph.results.phase_inputs import known_phases

    if not given:
        return known_phases(composition)
    references = given_phases(given, None, pressure_gpa)
    if references.composition != composition:
        raise ValueError(f"the references are {references.composition}, {beside} {composition}")
    return references.as_set()


def analysis_builder(
    sets: Sequence[StructureSetData],
    references: StructureSetData | None,
    potential_name: str | None = None,
    code_label: str | None = None,
    protocol: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> ProcessBuilder:
    """Return the builder of the analysis of these sets; without a potential nothing is relaxed or compared.

    Raises:
        ValueError: if a pressure is unknown, or the sets were made with different potentials.
    """
    from aiida_polymorph.cli.nodes import find_code, potential_node, potential_of
    from aiida_polymorph.workflows.landscape import LandscapeWorkChain
    from aiida_polymorph.workflows.machine import on_cores

    for node in sets:
        if node.value("pressure_gpa") is None:
            raise ValueError(f"the pressure of node {node.pk} is not known; import it with --pressure")
    potential = potential_node(potential_name) if potential_name else potential_of(sets)
    if potential is None:
        say("Warning: nothing says which potential made the sets, so known structures are left out (see --potential).")
    code = find_code(code_label) if potential else None
    return LandscapeWorkChain.get_builder_from_protocol(
        {f"set_{node.pk}": node for node in sets},
        references=references if potential else None,
        code=code,
        potential=potential,
        protocol=protocol,
        overrides={**(overrides or {}), **({"relax": on_cores(code)} if code else {})},
    )


def run_analysis(builder: ProcessBuilder) -> orm.ProcessNode:
    """Run an analysis and return its node.

    Raises:
        ValueError: if it failed.
    """
    from aiida_polymorph.cli.processes import carry_out
    from aiida_polymorph.cli.watch import StepWatch
    from aiida_polymorph.workflows.reasons import why_not

    (node,) = carry_out([builder], StepWatch("analysis"))
    if not node.is_finished_ok:
        raise ValueError(f"the analysis {node.pk} failed: {why_not(node)}; `verdi process report {node.pk}` says more")
    return node

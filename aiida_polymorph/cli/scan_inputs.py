"""What `dft-scan` starts from: phases of files or of an analysis, codes, and the settings of the engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.structures import StructureSetData
    from aiida_polymorph.engines import Engine
    from aiida_polymorph.structures import StructureSet


def read_phases(arguments: Sequence[str], primitive: bool) -> StructureSetData:
    """Return the phases of files, or of the one node that is given instead, each with a name of its own.

    Args:
        arguments: files that ASE reads, or the identifier of an analysis or of a set with names.
        primitive: whether primitive cells are taken, exactly symmetric: a code that finds half of the symmetries
            needs twice the k-points.

    Raises:
        ValueError: if there are none, or two have the same name.
    """
    from pathlib import Path

    from aiida_polymorph.data.structures import StructureSetData
    from aiida_polymorph.formats import read_structures
    from aiida_polymorph.landscape.symmetry import primitive_cell
    from aiida_polymorph.structures import StructureSet

    if len(arguments) == 1 and not Path(arguments[0]).exists():
        given = phases_of_node(arguments[0])
    else:
        given = read_structures(list(arguments))
    kept = {name: given.columns[name] for name in ("name", "pressure_gpa") if name in given.columns}
    cells = [(primitive_cell(atoms) if primitive else None) or atoms for atoms in given]
    return StructureSetData.from_set(StructureSet.from_atoms(cells, kept))


def phases_of_node(identifier: str) -> StructureSet:
    """Return the phases of an analysis, each once, or a set of structures with names.

    Raises:
        ValueError: if the node is neither.
    """
    import numpy as np
    from aiida import orm

    from aiida_polymorph.cli.nodes import load, structure_set

    try:
        node = load(identifier)
    except ValueError as error:
        raise ValueError(f"{identifier} is neither a file nor a node: {error}") from error
    is_analysis = isinstance(node, orm.WorkChainNode) and "phases" in node.outputs
    structures = (node.outputs.phases if is_analysis else structure_set(identifier)).to_set()
    names = structures.column("name", "")
    _, first = np.unique(names, return_index=True)
    return structures.select(np.sort(first) if is_analysis else np.arange(len(structures)))


def scan_builder(
    name: str, phases: StructureSetData, engines: Sequence[str], chosen: Mapping[str, Any]
) -> ProcessBuilder:
    """Return the builder of one engine's scan.

    Args:
        name: of the engine.
        phases: starts.
        engines: all that are asked for.
        chosen: the command's options.

    Raises:
        ValueError: if something is missing or doesn't fit.
    """
    from aiida import orm

    from aiida_polymorph.cli.nodes import potential_node
    from aiida_polymorph.engines import load_engine
    from aiida_polymorph.workflows.dft_scan import DftScanWorkChain

    engine = load_engine(name)
    if engine.uses_pseudos and not chosen["functionals"]:
        raise ValueError(f"--functional is missing: {name} has {', '.join(engine.functionals)}")
    if not engine.uses_pseudos and not chosen["potential_name"]:
        raise ValueError(f"--potential is missing: {name} needs one, e.g. matsui-akaogi")
    builder = DftScanWorkChain.get_builder_from_protocol(
        engine=name,
        code=engine_code(engine, chosen["code_labels"]),
        phases=phases,
        pressures_gpa=chosen["pressures_gpa"],
        functionals=chosen["functionals"] or (),
        potential=None if engine.uses_pseudos else potential_node(chosen["potential_name"]),
        protocol=chosen["protocol"],
        overrides={
            "parameters": settings_for(name, engines, chosen["settings"]),
            "symmetry": chosen["symmetry"],
        },
    )
    options = job_options(chosen) if engine.uses_pseudos else {}
    if options:
        builder.options = orm.Dict(options)
    return builder


def engine_code(engine: Engine, labels: Sequence[str]) -> orm.AbstractCode:
    """Return the code of an engine: the one among the labels that is for its plugin, or the only one there is.

    Raises:
        ValueError: if there is none, or more than one to choose from.
    """
    from aiida import orm

    from aiida_polymorph.cli.nodes import find_code, load_named_code

    named = [code for code in map(load_named_code, labels) if code.default_calc_job_plugin == engine.code_plugin]
    if engine.name == "lammps" and not named:
        return find_code(None)
    query = orm.QueryBuilder().append(orm.AbstractCode, filters={"attributes.input_plugin": engine.code_plugin})
    found = named or [code for code in query.all(flat=True) if not code.is_hidden]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(code.full_label for code in found)
        raise ValueError(f"{engine.name} has several codes, choose one with --code: {listed}")
    raise ValueError(
        f"there is no code for {engine.name}: set one up with `verdi code create core.code.installed "
        f"--default-calc-job-plugin {engine.code_plugin}`"
    )


def settings_for(name: str, engines: Sequence[str], settings: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the settings meant for an engine, nested: `castep:param.cut_off_energy` for CASTEP only.

    Raises:
        ValueError: if a setting is for an engine that isn't asked for.
    """
    chosen: dict[str, Any] = {}
    for key, value in settings:
        engine, colon, setting = key.rpartition(":")
        if colon and engine not in engines:
            raise ValueError(f"--set {key}: engine {engine} is none of {', '.join(engines)}")
        if colon and engine != name:
            continue
        *path, last = setting.split(".")
        place = chosen
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return chosen


def job_options(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a DFT job that the command was given."""
    options: dict[str, Any] = {}
    if chosen["processes"]:
        options["resources"] = {"num_machines": 1, "num_mpiprocs_per_machine": chosen["processes"]}
        options["withmpi"] = chosen["processes"] > 1
    if chosen["hours"]:
        options["max_wallclock_seconds"] = int(chosen["hours"] * 3600)
    if chosen["queue"]:
        options["queue_name"] = chosen["queue"]
    return options

"""What `dft-scan` starts from beside its phases: builders and codes of its engines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.warnings import AiidaDeprecationWarning

from aiida_polymorph.cli.output import say
from aiida_polymorph.cli.scan_settings import settings_for
from aiida_polymorph.engines import load_engine
from aiida_polymorph.machine import resources
from aiida_polymorph.workflows.machine import machine_of

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.structures import StructureSetData
    from aiida_polymorph.engines import Engine


def scan_builders(phases: StructureSetData, names: Sequence[str], chosen: Mapping[str, Any]) -> list[ProcessBuilder]:
    """Return the builder of each engine's scan.

    Args:
        phases: starts.
        names: of the engines.
        chosen: the command's options.

    Raises:
        ValueError: if something is missing or doesn't fit.
    """
    # That a plugin calls what AiiDA gave up, a dozen times for each job, is nothing for those who run it.
    warnings.filterwarnings("ignore", category=AiidaDeprecationWarning)
    engines = [load_engine(name) for name in names]
    for option in unused_options(engines, chosen):
        say(f"Warning: {option} is not used: none of {', '.join(names)} takes it.")
    settings = [settings_for(engine, names, chosen) for engine in engines]
    for engine in engines:
        check_model(engine, chosen)
    codes = find_codes(engines, chosen["code_labels"])
    return [
        scan_builder(engine, code, phases, parameters, chosen)
        for engine, code, parameters in zip(engines, codes, settings, strict=True)
    ]


def scan_builder(
    engine: Engine,
    code: orm.AbstractCode,
    phases: StructureSetData,
    parameters: Mapping[str, Any],
    chosen: Mapping[str, Any],
) -> ProcessBuilder:
    """Return the builder of one engine's scan; `parameters` are the settings that differ from the protocol's.

    Raises:
        ValueError: if something is missing or doesn't fit.
    """
    from aiida_polymorph.cli.nodes import potential_node
    from aiida_polymorph.workflows.dft_scan import DftScanWorkChain

    builder = DftScanWorkChain.get_builder_from_protocol(
        engine=engine.name,
        code=code,
        phases=phases,
        pressures_gpa=chosen["pressures_gpa"],
        functionals=chosen["functionals"] if engine.functionals else (),
        potential=None if engine.functionals else potential_node(chosen["potential_name"]),
        protocol=chosen["protocol"],
        overrides={"parameters": parameters, "symmetry": chosen["symmetry"]},
    )
    options = dft_job_options(chosen) if engine.functionals else {}
    if options:
        builder.options = orm.Dict(options)
    processes = chosen["processes"] if engine.functionals else 1
    jobs = chosen["jobs"] or machine_of(code.computer).share(processes or 1)
    if jobs:
        builder.jobs = orm.Int(jobs)
    return builder


def check_model(engine: Engine, chosen: Mapping[str, Any]) -> None:
    """Refuse an engine without a functional that it knows, or without the potential that it needs.

    Raises:
        ValueError: saying what is missing.
    """
    if not engine.functionals and not chosen["potential_name"]:
        raise ValueError(f"--potential is missing: {engine.name} needs one, e.g. matsui-akaogi")
    if engine.functionals and not chosen["functionals"]:
        raise ValueError(f"--functional is missing: {engine.name} has {', '.join(engine.functionals)}")
    for name in chosen["functionals"] or () if engine.functionals else ():
        engine.functional(name)


def unused_options(engines: Sequence[Engine], chosen: Mapping[str, Any]) -> list[str]:
    """Return the options that were given and mean nothing to any of the engines."""
    by_potential = {not engine.functionals for engine in engines}
    given = {"--functional": "functionals", "--processes": "processes", "--hours": "hours", "--queue": "queue"}
    unused = [option for option, key in given.items() if chosen[key] and by_potential == {True}]
    return unused + (["--potential"] if chosen["potential_name"] and by_potential == {False} else [])


def find_codes(engines: Sequence[Engine], labels: Sequence[str]) -> list[orm.AbstractCode]:
    """Return the code of each engine: the one among the labels that is for its plugin, or the only one there is.

    Raises:
        ValueError: if there is none, more than one to choose from, or a label is for none of the engines.
    """
    from aiida_polymorph.cli.nodes import load_named_code

    plugins = [engine.code_plugin for engine in engines]
    named: dict[str, list[orm.AbstractCode]] = {plugin: [] for plugin in plugins}
    for code in map(load_named_code, labels):
        plugin = code.default_calc_job_plugin or (plugins[0] if len(plugins) == 1 else None)
        if plugin not in named:
            needed = ", ".join(f"{engine.name} needs one for {engine.code_plugin}" for engine in engines)
            raise ValueError(f"--code {code.full_label} is set up for {plugin or 'no plugin'}; {needed}")
        named[plugin].append(code)
    return [engine_code(engine, named[engine.code_plugin]) for engine in engines]


def engine_code(engine: Engine, named: Sequence[orm.AbstractCode]) -> orm.AbstractCode:
    """Return the code of an engine, of those named or, without any, of all that are for its plugin.

    Raises:
        ValueError: if there is none, or more than one to choose from.
    """
    from aiida_polymorph.cli.nodes import find_code
    from aiida_polymorph.cli.profiles import RELAX_PLUGIN

    if engine.code_plugin == RELAX_PLUGIN and not named:
        return find_code(None)
    query = orm.QueryBuilder().append(orm.AbstractCode, filters={"attributes.input_plugin": engine.code_plugin})
    found = list(named) or [code for code in query.all(flat=True) if not code.is_hidden]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(code.full_label for code in found)
        raise ValueError(f"{engine.name} has several codes, choose one with --code: {listed}")
    raise ValueError(
        f"there is no code for {engine.name}: set one up with `verdi code create core.code.installed "
        f"--default-calc-job-plugin {engine.code_plugin}`"
    )


def dft_job_options(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a DFT job that the command was given."""
    options: dict[str, Any] = {}
    if chosen["processes"]:
        options["resources"] = resources(chosen["processes"])
        options["withmpi"] = chosen["processes"] > 1
    if chosen["hours"]:
        options["max_wallclock_seconds"] = int(chosen["hours"] * 3600)
    if chosen["queue"]:
        options["queue_name"] = chosen["queue"]
    return options

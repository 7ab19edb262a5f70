"""Make an archive of nodes with the version of aiida-polymorph that this Python has installed: see README.md."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

PHASES = ("rutile", "pyrite")
POTENTIAL = ("--potential", "matsui-akaogi")
QUICK = ("--protocol", "fast", "--atoms", "48")

SEARCH = ["search", "TiO2", *POTENTIAL, "--pressure", "0,20", "--number", "60", "--formula-units", "2,3", "--json"]
SCAN = ["--engine", "lammps", *POTENTIAL, "--pressure", "0:30:10", "--json"]
FREE_ENERGY = [*POTENTIAL, *QUICK, "--temperature", "700", "--target-error", "0.03", "--json"]
INTEGRATE = [*POTENTIAL, *QUICK, "--pressure", "0,20", "--temperature", "700,1000", "--target-error", "0.02", "--json"]

GRID = ["--pressure", "0:20:5", "--temperature", "0:2000:500"]
MAKE_NODES = ("coexistence", "compare", "diagram")
READINGS = [
    ["status", "{search_0}", "--json"],
    ["status", "{scan}", "--json"],
    ["phases", "{analysis}", "--json"],
    ["phases", "{analysis}", "--pressure", "20", "--temperature", "1600", "--json"],
    ["explain", "rutile", "{analysis}", "--pressure", "0", "--temperature", "700", "--json"],
    ["report", "{analysis}", "--dft-scan", "{scan}", "-o", "report.html", "--json"],
    ["coexistence", "{integrate_rutile}", "{integrate_pyrite}", "--json"],
    ["compare", "{integrate_rutile}", "{integrate_pyrite}", "--phases", "{analysis}", "--json"],
    ["compare", "{integrate_rutile}", "{harmonic}", "--temperature", "700", "--json"],
    ["diagram", "{analysis}", *GRID, "--json"],
    ["diagram", "{integrate_rutile}", "{integrate_pyrite}", "--json"],
    ["export", "{relaxation}", "--format", "res"],
    ["export", "{analysis}", "--format", "extxyz"],
]


def main(archive: Path, folder: Path) -> None:
    """Run everything in a profile below a folder, and write the archive and what the commands say of it."""
    archive = archive.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ["AIIDA_PATH"] = str(folder.resolve())  # before anything imports aiida
    from reading import read, run

    run(["setup"])
    nodes = make_nodes()
    readings = [
        {"arguments": arguments, "output": lasting(arguments, read(arguments, nodes))} for arguments in READINGS
    ]
    write_archive(archive)
    recorded = {"versions": versions(), "nodes": nodes, "readings": readings}
    archive.with_suffix(".json").write_text(json.dumps(recorded, indent=1) + "\n")


def lasting(arguments: list[str], output: Any) -> Any:
    """Return what later versions print too: without the node that is made anew when the code has changed."""
    if arguments[0] not in MAKE_NODES:
        return output
    if isinstance(output, list):
        return [lasting(arguments, row) for row in output]
    return {name: value for name, value in output.items() if name != "node"}


def make_nodes() -> dict[str, str]:
    """Run a small search, its analysis, free energies and a scan, and return UUIDs of what a command takes."""
    from reading import run

    write_structures()
    searches = json.loads(run(SEARCH))
    nodes = {f"search_{number}": uuid_of(search["node"]) for number, search in enumerate(searches)}
    analysis = ["analyse", *nodes.values(), "--min-samples", "2", "--json"]
    nodes["analysis"] = uuid_of(json.loads(run(analysis))["node"])
    files = [f"{name}.extxyz" for name in PHASES]
    run(["relax", *files, *POTENTIAL, "--pressure", "0,20", "--json"])
    nodes["relaxation"] = newest("RelaxSetWorkChain")
    run(["dft-scan", *files, *SCAN])
    nodes["scan"] = newest("DftScanWorkChain")
    for method, process in (("switching", "FreeEnergy"), ("equilibrium", "FreeEnergy"), ("harmonic", "Harmonic")):
        run(["free-energy", files[0], *FREE_ENERGY, "--method", method])
        nodes[method] = newest(f"{process}WorkChain")
    for name in PHASES:
        run(["integrate", f"{name}.extxyz", *INTEGRATE])
        nodes[f"integrate_{name}"] = newest("IntegrateWorkChain")
    return nodes


def write_structures() -> None:
    """Write the phases that are computed as files."""
    from ase.io import write

    from aiida_polymorph.references import load_references

    references = load_references("TiO2")
    names = list(references.columns["name"])
    for name in PHASES:
        write(f"{name}.extxyz", references[names.index(name)])


def uuid_of(identifier: Any) -> str:
    """Return the UUID of a node."""
    from aiida import orm

    return orm.load_node(identifier).uuid


def newest(process: str) -> str:
    """Return the UUID of the newest process of this name."""
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.WorkChainNode, filters={"attributes.process_label": process}, project="uuid", tag="process"
    )
    return query.order_by({"process": {"id": "desc"}}).limit(1).all(flat=True)[0]


def write_archive(archive: Path) -> None:
    """Write the whole profile into an archive."""
    from aiida.tools.archive import create_archive

    create_archive(None, filename=archive, overwrite=True, compression=9)


def versions() -> dict[str, str]:
    """Return the versions of what made the archive."""
    from importlib.metadata import version

    return {name: version(name) for name in ("aiida-polymorph", "aiida-core", "lammps", "numpy", "spglib")}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

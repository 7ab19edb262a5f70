"""Write the phases of the scan: phases.py FOLDER makes FOLDER/NAME.cif of the references that ship with the package."""

from __future__ import annotations

import sys
from pathlib import Path

from ase.io import write

from aiida_polymorph.references import load_references

PHASES = ("rutile", "columbite", "pyrite", "cotunnite", "fluorite", "anatase")


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    structures = load_references("TiO2")
    rows = {str(name): number for number, name in enumerate(structures.column("name", ""))}
    for name in PHASES:
        write(folder / f"{name}.cif", structures[rows[name]])


if __name__ == "__main__":
    main()

"""Write the phases whose free energies are computed: candidates.py FOLDER makes FOLDER/NAME.res for each.

The known ones are the package's references, the new ones what the search in `examples/tio2_paper` found, under the
names that the paper gave them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ase.io import write

from aiida_polymorph.formats import read_structures
from aiida_polymorph.references import load_references

KNOWN = ("rutile", "columbite", "pyrite", "anatase", "brookite", "cotunnite", "fluorite", "baddeleyite")
NEW = {
    "0GPa-a-P21c": "0-a-P21/c@0GPa",
    "0GPa-b-P21c": "20-a-P21/c@20GPa",
    "60GPa-a-R3": "60-a-R-3@60GPa",
    "OIanalogue": "OI@40GPa",
}
FOUND = Path(__file__).parent.parent / "tio2_paper" / "phases.extxyz.gz"


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for structures, wanted in (
        (load_references("TiO2"), dict.fromkeys(KNOWN)),
        (read_structures([FOUND]), NEW),
    ):
        rows = {str(name): number for number, name in enumerate(structures.column("name", ""))}
        for name, there in wanted.items():
            write(folder / f"{name}.res", structures[rows[there or name]], format="res")


if __name__ == "__main__":
    main()

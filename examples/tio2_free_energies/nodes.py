"""Print the processes that run.sh made, the last of each phase and place: nodes.py integrate|harmonic."""

from __future__ import annotations

import sys

from aiida import load_profile, orm

from aiida_polymorph.workflows.harmonic import HarmonicWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain

OUTPUTS = {"integrate": (IntegrateWorkChain, "gibbs_energies"), "harmonic": (HarmonicWorkChain, "free_energy")}


def main() -> None:
    """Print them in one line."""
    load_profile()
    process, output = OUTPUTS[sys.argv[1]]
    builder = orm.QueryBuilder().append(process, project="*").order_by({process: {"id": "asc"}})
    last = {}
    for node in builder.all(flat=True):
        if output in node.outputs:
            parameters = node.inputs.parameters.get_dict()
            place = parameters.get("temperature"), parameters.get("pressure_gpa")
            last[node.inputs.structure.label, place] = node.pk
    print(*last.values())


if __name__ == "__main__":
    main()

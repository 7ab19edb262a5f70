"""Hand a search to the daemon and return at once: `verdi run examples/submit.py [NUMBER]`.

Needs `verdi daemon start` and the code that `aiida-polymorph setup` makes.
"""

import sys

from aiida import orm
from aiida.engine import submit
from aiida.engine.daemon.client import get_daemon_client

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.search import SearchWorkChain

if not get_daemon_client().is_daemon_running:
    raise SystemExit("the daemon is not running: start it with `verdi daemon start`")

builder = SearchWorkChain.get_builder_from_protocol(
    code=orm.load_code("polymorph-relax@localhost"),
    potential=PotentialData.from_potential(load_potential("matsui-akaogi")),
    recipe=Recipe.propose("TiO2", formula_units=(2, 3), seed=11),
    pressure_gpa=40.0,
    number=int(sys.argv[1]) if len(sys.argv) > 1 else 40,
    overrides={
        # As in metadata.options of a CalcJob: on a cluster also queue_name, account, ...
        "options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 3600},
        "jobs": 1,
    },
)
builder.metadata.label = "TiO2 at 40 GPa, submitted"
node = submit(builder)
print(f"Submitted {node.process_label}<{node.pk}>")
print(f"`aiida-polymorph status {node.pk}` shows how far it is, `verdi process report {node.pk}` what it did.")

"""From searches to phases and chemical potentials: `verdi run examples/landscape.py [SET ...]`.

SETs are sets of structures with enthalpies, of one pressure each; without any, the newest set that a search of TiO2
made at each pressure (`verdi run examples/search.py` makes one).
"""

import sys

from aiida import orm
from aiida.engine import run_get_node

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.results.analysis import phase_rows
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain

TEMPERATURE_K = 1600.0


def newest_sets(composition: str) -> list[StructureSetData]:
    """Return the newest set that a search made at each pressure."""
    query = orm.QueryBuilder().append(SearchWorkChain, tag="search")
    query.append(StructureSetData, with_incoming="search", filters={"attributes.composition": composition}, tag="set")
    query.order_by({"set": {"id": "asc"}})
    return list({node.value("pressure_gpa"): node for node in query.all(flat=True)}.values())


sets = [orm.load_node(int(pk)) for pk in sys.argv[1:]] or newest_sets("TiO2")
if not sets:
    raise SystemExit("no search of TiO2 in this profile: run examples/search.py first")

builder = LandscapeWorkChain.get_builder_from_protocol(
    structures={f"set_{node.pk}": node for node in sets},
    references=StructureSetData.from_set(load_references("TiO2")),
    code=orm.load_code("polymorph-relax@localhost"),
    potential=PotentialData.from_potential(load_potential("matsui-akaogi")),
)
results, node = run_get_node(builder)
if not node.is_finished_ok:
    raise SystemExit(f"{node.process_label}<{node.pk}> failed: {node.exit_message}")

for landscape in results["landscapes"].values():
    print(
        f"{landscape.pressure_gpa:g} GPa: {landscape.value('structures')} structures, "
        f"{len(landscape.clusters)} phases found at least 3 times, eps {landscape.eps:g}"
    )
for row in phase_rows(node, temperature=TEMPERATURE_K)[:10]:
    if row["above_hull_ev"] is not None:
        print(
            f"{row['name']:<16} {row['pressure_gpa']:>3g} GPa  {row['above_hull_ev']:.3f} eV above the hull at "
            f"{TEMPERATURE_K:g} K, from {row['method']}"
        )
print(f"Analysis {node.pk}: `aiida-polymorph report {node.pk}` writes the report")

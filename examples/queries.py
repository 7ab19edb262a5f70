"""Questions to the database, as QueryBuilder recipes: `verdi run examples/queries.py`.

Each function is one recipe, to be copied and changed.
"""

from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results.analysis import latest_analysis, phase_rows, searched_structures
from aiida_polymorph.units import KCAL_PER_MOL
from aiida_polymorph.workflows.search import SearchWorkChain


def sets_at(composition: str, pressure_gpa: float) -> list[StructureSetData]:
    """Return the sets of a composition that searches made at a pressure, oldest first.

    Without the first `append` these are all sets, starting points, batches, and imported ones as well.
    """
    filters = {"attributes.composition": composition, "attributes.pressure_gpa": pressure_gpa}
    query = orm.QueryBuilder().append(SearchWorkChain, tag="search")
    query.append(StructureSetData, with_incoming="search", filters=filters, tag="set")
    return query.order_by({"set": {"id": "asc"}}).all(flat=True)


def near_hull(analysis: orm.WorkChainNode, temperature: float, window_ev: float) -> list[dict]:
    """Return the phases within a window above the hull, at each searched pressure."""
    rows = phase_rows(analysis, temperature=temperature)
    return [row for row in rows if row["above_hull_ev"] is not None and row["above_hull_ev"] <= window_ev]


def searches_that_found(analysis: orm.WorkChainNode, phase: str) -> list[tuple[float, orm.WorkChainNode]]:
    """Return the pressures at which a phase was found, each with the searches whose structures hold it."""
    pressures = [row["pressure_gpa"] for row in phase_rows(analysis) if row["name"] == phase and row["found"]]
    found = []
    for pressure_gpa in pressures:
        used = searched_structures(analysis, pressure_gpa)
        # Where several sets of a pressure were pooled, the sets that searches made lie before the one that was used.
        before = orm.QueryBuilder().append(StructureSetData, filters={"id": used.pk}, tag="used")
        before.append(StructureSetData, with_descendants="used", project="id")
        sets = [used.pk, *before.all(flat=True)]
        query = orm.QueryBuilder().append(StructureSetData, filters={"id": {"in": sets}}, tag="set")
        query.append(SearchWorkChain, with_outgoing="set")
        found += [(pressure_gpa, search) for search in query.all(flat=True)]
    return found


def jobs_of(search: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    """Return the jobs that a search has run, whatever the depth at which they were called."""
    return [node for node in search.called_descendants if isinstance(node, orm.CalcJobNode)]


print("All sets of TiO2 at 20 GPa:")
for node in sets_at("TiO2", 20.0):
    print(f"  {node.pk}: {node.value('count')} structures, {node.value('converged')} converged, {node.ctime:%d %b %Y}")

analysis = latest_analysis()
if analysis is None:
    raise SystemExit("no analysis in this profile yet: run examples/landscape.py")

window = 5 * KCAL_PER_MOL
print(f"\nPhases within 5 kcal/mol ({window:.3f} eV) of the hull at 1600 K in analysis {analysis.pk}:")
rows = near_hull(analysis, 1600.0, window)
for row in rows:
    print(f"  {row['pressure_gpa']:>3g} GPa  {row['name']:<16} {row['above_hull_ev'] / KCAL_PER_MOL:.2f} kcal/mol")

found_rows = [row for row in rows if row["found"]]
if found_rows:
    phase = found_rows[0]["name"]
    print(f"\nSearches that found {phase}:")
    for pressure_gpa, search in searches_that_found(analysis, phase):
        jobs = ", ".join(str(job.pk) for job in jobs_of(search))
        print(f"  {pressure_gpa:g} GPa: {search.process_label}<{search.pk}> {search.label!r}, jobs {jobs}")

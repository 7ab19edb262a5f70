"""Check in the provenance graph that searches lost nothing and counted nothing twice, whatever stopped them meanwhile.

`python check.py [SEARCH ...] [--json FILE]`; without numbers all finished searches of the profile. For each search:
every index from 0 to N - 1 is once in its set; the batches are disjoint and together the set; every structure of the
set is that of its batch; all batches have one recipe, one potential and one minimiser. For all of them: one search a
pressure, one seed. Ends with exit code 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from aiida import load_profile, orm

from aiida_polymorph.relaxation.merging import indices_of
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.search import SearchWorkChain

IDENTITY = ("recipe", "potential", "minimiser")


def problems_of(indices: np.ndarray, batches: Sequence[np.ndarray], number: int) -> list[str]:
    """Return what is wrong with the indices of a set and of the batches that it was merged from; [] for nothing."""
    problems = []
    lost = sorted(set(range(number)) - set(indices.tolist()))
    twice = [index for index, times in Counter(indices.tolist()).items() if times > 1]
    strange = sorted(set(indices.tolist()) - set(range(number)))
    for what, found in (("lost", lost), ("counted twice", twice), ("not asked for", strange)):
        if found:
            problems.append(f"{len(found)} structures {what}, the first with index {found[0]}")
    together = Counter(index for batch in batches for index in batch.tolist())
    shared = sum(times > 1 for times in together.values())
    if shared:
        problems.append(f"{shared} structures are in more than one batch")
    if set(together) != set(indices.tolist()):
        problems.append("the batches together are not the set")
    return problems


def differing(merged: StructureSet, batches: Sequence[StructureSet]) -> int:
    """Return how many structures of the set differ in enthalpy or cell from those of the batches."""
    place = {int(index): i for i, index in enumerate(indices_of(merged))}
    wrong = 0
    for batch in batches:
        rows = np.array([place.get(int(index), -1) for index in indices_of(batch)])
        same = np.isclose(merged.column("enthalpy")[rows], batch.column("enthalpy"), rtol=0, atol=0, equal_nan=True)
        same &= np.all(merged.cells[rows] == batch.cells, axis=(1, 2))
        wrong += int(np.sum((rows < 0) | ~same))
    return wrong


def check(search: orm.WorkChainNode) -> dict[str, Any]:
    """Check one search and return what was found."""
    node, number = search.outputs.structures, search.inputs.number.value
    merged = node.to_set()
    merging = node.creator.base.links.get_incoming().all()
    batch_nodes = [link.node for link in merging if link.link_label.startswith("batch_")]
    batches = [batch.to_set() for batch in batch_nodes or [node]]  # a single one is not merged
    children = [child for child in search.called if child.process_label == "RelaxSetWorkChain"]
    jobs = [[job for job in child.called if job.process_label == "RelaxSetCalculation"] for child in children]
    problems = problems_of(indices_of(merged), [indices_of(batch) for batch in batches], number)
    if wrong := differing(merged, batches):
        problems.append(f"{wrong} structures of the set are not those of their batch")
    for name in IDENTITY:
        values = {json.dumps(batch.metadata.get(name), sort_keys=True) for batch in batches}
        if len(values) != 1:
            problems.append(f"{len(values)} different entries for {name} in the batches")
    jobs_per_batch = Counter(map(len, jobs))
    return {
        "search": search.pk,
        "set": node.pk,
        "pressure_gpa": search.inputs.pressure_gpa.value,
        "seed": search.inputs.recipe["seed"],
        "structures": len(merged),
        "asked": number,
        "converged": int(np.sum(merged.column("converged", False).astype(bool))),
        "batches": len(batches),
        "relaxations_called": len(children),
        "jobs_per_batch": {str(jobs): times for jobs, times in sorted(jobs_per_batch.items())},
        "minimiser": merged.metadata.get("minimiser"),
        "problems": problems,
    }


def check_together(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the searches as a whole: one a pressure, with one seed and one minimiser."""
    problems = []
    pressures = Counter(row["pressure_gpa"] for row in rows)
    problems += [f"{times} searches at {p:g} GPa" for p, times in pressures.items() if times > 1]
    for name in ("seed", "minimiser"):
        if len({json.dumps(row[name], sort_keys=True) for row in rows}) > 1:
            problems.append(f"the searches differ in {name}")
    return problems


def finished_searches() -> list[orm.WorkChainNode]:
    """Return the finished searches of the profile, oldest first."""
    query = orm.QueryBuilder().append(SearchWorkChain, filters={"attributes.exit_status": 0}, tag="search")
    return query.order_by({"search": {"id": "asc"}}).all(flat=True)


def line_of(row: dict[str, Any]) -> str:
    """Return one search in a line."""
    jobs = ", ".join(f"{times} with {jobs}" for jobs, times in row["jobs_per_batch"].items())
    parts = [
        f"{row['pressure_gpa']:>3g} GPa: {row['structures']} of {row['asked']} structures",
        f"{row['converged']} converged",
        f"seed {row['seed']}",
        f"{row['batches']} batches (jobs: {jobs})",
    ]
    return f"{', '.join(parts)}: {'; '.join(row['problems']) or 'all there, once'}"


def main() -> None:
    """Check, print, and end with 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("searches", nargs="*", type=int, help="numbers of searches; all finished ones without")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    arguments = parser.parse_args()
    load_profile()
    searches = [orm.load_node(pk) for pk in arguments.searches] or finished_searches()
    rows = [check(search) for search in searches]
    together = check_together(rows)
    print("\n".join(map(line_of, rows)) or "no finished search")
    print("\n".join(together))
    if arguments.json:
        arguments.json.write_text(json.dumps({"searches": rows, "problems": together}, indent=1) + "\n")
    if not rows or together or any(row["problems"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()

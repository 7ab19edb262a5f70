"""Relax known structures of TiO2 at several pressures in one job: `verdi run examples/relax_set.py`.

Needs a profile with the code that `aiida-polymorph setup` makes.
"""

import numpy as np
from aiida import orm
from aiida.engine import run_get_node

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.symmetry import space_group
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

PRESSURES_GPA = [0.0, 20.0]
PHASES = ["rutile", "anatase", "columbite", "baddeleyite"]

references = load_references("TiO2")
chosen = references.select(np.isin(references.columns["name"], PHASES))

# Every structure at every pressure: the column `pressure_gpa` says which, `index` is the structure's identity.
structures = chosen.select(np.repeat(np.arange(len(chosen)), len(PRESSURES_GPA)))
structures = structures.with_columns(index=np.arange(len(structures)), pressure_gpa=np.tile(PRESSURES_GPA, len(chosen)))

builder = RelaxSetWorkChain.get_builder_from_protocol(
    code=orm.load_code("polymorph-relax@localhost"),
    structures=StructureSetData.from_set(structures),
    potential=PotentialData.from_potential(load_potential("matsui-akaogi")),
    overrides={"parameters": {"force_tolerance": 1e-4, "stress_tolerance": 1e-3}},
)
results, node = run_get_node(builder)
if not node.is_finished_ok:
    raise SystemExit(f"{node.process_label}<{node.pk}> failed: {node.exit_message}")

relaxed = results["relaxed"].to_set()
for i, atoms in enumerate(relaxed):
    print(
        f"{relaxed.columns['name'][i]:<12} {relaxed.columns['pressure_gpa'][i]:>4g} GPa"
        f" {relaxed.enthalpy_per_formula_unit[i]:10.4f} eV {relaxed.volume_per_formula_unit[i]:8.3f} A^3"
        f"  {space_group(atoms)}"
    )
print(f"{results['summary']['relaxed']} of {results['summary']['asked']} relaxed; set {results['relaxed'].pk}")

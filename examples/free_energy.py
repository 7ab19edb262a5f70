"""Gibbs energies of rutile by molecular dynamics, at 700 K and on to 1000 K: `verdi run examples/free_energy.py`.

Needs a profile with the code that `aiida-polymorph setup` makes. With the protocol `moderate` instead of `fast` it
takes minutes, and is good to 0.05 kcal/mol.
"""

from aiida import orm
from aiida.engine import run_get_node

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain

references = load_references("TiO2")
rutile = references[list(references.columns["name"]).index("rutile")]
shared = {
    "code": orm.load_code("lmp@localhost"),
    "structure": orm.StructureData(ase=rutile, label="rutile"),
    "potential": PotentialData.from_potential(load_potential("matsui-akaogi")),
}

builder = FreeEnergyWorkChain.get_builder_from_protocol(**shared, temperature=700.0, protocol="fast")
builder.phases = StructureSetData.from_set(references)  # names what a phase turns into that does not last
results, node = run_get_node(builder)
if not node.is_finished_ok:
    raise SystemExit(f"{node.process_label}<{node.pk}> failed: {node.exit_message}")
found = results["free_energy"]
for name, (value, error) in found.value("terms").items():
    print(f"{name:<16} {value:9.4f} +- {error:.4f} eV per TiO2")
print(f"{'G':<16} {found.value('gibbs_energy'):9.4f} +- {found.value('error'):.4f} eV, {found.value('steps')} steps")

builder = IntegrateWorkChain.get_builder_from_protocol(
    **shared, temperatures=[700.0, 1000.0], pressures=[0.0], protocol="fast", overrides={"isobars": "sweeps"}
)
results, node = run_get_node(builder)
if not node.is_finished_ok:
    raise SystemExit(f"{node.process_label}<{node.pk}> failed: {node.exit_message}")
for point in results["gibbs_energies"].points:
    print(f"{point['temperature_k']:>6g} K {point['gibbs_energy']:9.4f} +- {point['error']:.4f} eV per TiO2")

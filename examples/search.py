"""Search for the minima of TiO2 at 20 GPa: `verdi run examples/search.py [PRESSURE] [NUMBER]`.

Needs a profile with the code that `aiida-polymorph setup` makes. Run again, it takes up what it has (caching).
"""

import sys

from aiida import orm
from aiida.engine import run_get_node

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.search import SearchWorkChain

arguments = [float(argument) for argument in sys.argv[1:]]
pressure_gpa = arguments[0] if arguments else 20.0
number = int(arguments[1]) if len(arguments) > 1 else 60

# Volume and minimum separations are proposed from the composition; what you give takes their place.
recipe = Recipe.propose("TiO2", formula_units=(2, 3, 4), seed=7)
print(f"{recipe.volume_per_formula_unit} A^3 per formula unit, separations {dict(recipe.minimum_separations)}")

builder = SearchWorkChain.get_builder_from_protocol(
    code=orm.load_code("polymorph-relax@localhost"),
    potential=PotentialData.from_potential(load_potential("matsui-akaogi")),
    recipe=recipe,
    pressure_gpa=pressure_gpa,
    number=number,
)
builder.metadata.label = f"TiO2 at {pressure_gpa:g} GPa"
results, node = run_get_node(builder)
if not node.is_finished_ok:
    raise SystemExit(f"{node.process_label}<{node.pk}> failed: {node.exit_message}")

statistics = results["statistics"]
print(f"{statistics['relaxed']} of {statistics['asked']} relaxed, failed: {statistics['failed']}")
print(f"{statistics['force_calls_mean']:.0f} force calls a structure, {statistics['cpu_seconds']:.0f} s of CPU time")
print(f"Lowest enthalpy: {results['structures'].value('lowest_enthalpy_ev_per_formula_unit'):.4f} eV per TiO2")
print(f"Set of structures: {results['structures'].pk}")

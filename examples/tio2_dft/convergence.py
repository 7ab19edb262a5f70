"""How far relative energies of a scan's phases depend on cutoff and k-points: convergence.py SCAN PRESSURE

Self-consistent runs at the structures that the scan relaxed at that pressure with its first functional, at the scan's
settings and at tighter ones. Prints CSV: relative energies by each, in kcal/mol per formula unit, the first phase at 0.
Run with AIIDA_PATH as the scan; what was run before is taken from there.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

from aiida import load_profile, orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import WorkflowFactory

from aiida_polymorph.engines import Relaxation, load_engine
from aiida_polymorph.engines.interface import by_kind, job_options
from aiida_polymorph.engines.quantum_espresso import namelists
from aiida_polymorph.units import KCAL_PER_MOL

VARIANTS = {
    "as the scan": {},
    "cutoff 100 Ry": {"cutoff_ry": 100, "density_cutoff_ry": 400},
    "k-points 0.45/A": {"kpoints_distance": 0.45},
}


def energy(relaxation: Relaxation) -> float:
    """Return the energy of one self-consistent run, eV."""
    builder = WorkflowFactory("quantumespresso.pw.base").get_builder()
    parameters = namelists(relaxation)
    parameters["CONTROL"].update(calculation="scf", tstress=False, tprnfor=False)
    del parameters["CELL"], parameters["IONS"]
    builder.pw.code = relaxation.code
    builder.pw.structure = relaxation.structure
    builder.pw.parameters = orm.Dict(parameters)
    builder.pw.pseudos = by_kind(relaxation.structure, relaxation.pseudos)
    builder.pw.metadata.options = job_options(relaxation)
    builder.kpoints_distance = orm.Float(relaxation.parameters["kpoints_distance"])
    with enable_caching(identifier="aiida.calculations:quantumespresso.pw"):
        results, _ = run_get_node(builder)
    return results["output_parameters"]["energy"]


def main() -> None:
    """Run what is missing and print the table."""
    load_profile()
    scan, pressure = orm.load_node(sys.argv[1]), float(sys.argv[2])
    points, functional = scan.outputs.points.to_set(), scan.inputs.functionals[0]
    here = [
        i
        for i in range(len(points))
        if (points.columns["functional"][i], points.columns["pressure_gpa"][i]) == (functional, pressure)
        and not points.columns["reason"][i]
    ]
    engine, settings = load_engine("quantum-espresso"), scan.inputs.parameters.get_dict()
    pseudos = engine.pseudopotentials(functional, points.species, settings)
    names = [str(points.columns["name"][i]) for i in here]
    table = csv.writer(sys.stdout)
    table.writerow(["variant", *names])
    for variant, changes in VARIANTS.items():
        energies = []
        for i in here:
            start = Relaxation(
                code=scan.inputs.code,
                structure=orm.StructureData(ase=points[i]),
                functional=functional,
                pressure_gpa=pressure,
                parameters=settings,
                pseudos=pseudos,
            )
            asked = replace(start, parameters={**settings, **changes})
            energies.append(energy(asked) / points.formula_units[i])
        table.writerow([variant, *(f"{(each - energies[0]) / KCAL_PER_MOL:.3f}" for each in energies)])
        sys.stdout.flush()


if __name__ == "__main__":
    main()

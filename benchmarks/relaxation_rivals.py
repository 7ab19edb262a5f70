"""Other ways to relax the same structures: LAMMPS's box/relax and ASE's optimisers, on the driver's own engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import UnitCellFilter
from ase.optimize import FIRE, LBFGS, BFGSLineSearch

from aiida_polymorph.relaxation.driver.lammps_calculator import LammpsCalculator
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.units import GPA

GPA_IN_ATM = 1e9 / 101325
RESTARTS = 20
"""Most times that box/relax is started again, each time from where it stopped."""
STEPS_A_RESTART = 300
MOST_ASE_CALLS = 1500


@dataclass(frozen=True)
class Relaxed:
    """Where a relaxation ended: positions, cell (angstrom), force calls or steps, and whether it says it converged."""

    positions: np.ndarray
    cell: np.ndarray
    force_calls: int
    converged: bool


Relax = Callable[[LammpsCalculator, Atoms, float], Relaxed]
"""(engine, start, pressure in GPa) -> where it ended."""


def residuals(
    engine: LammpsCalculator, positions: np.ndarray, cell: np.ndarray, pressure_gpa: float
) -> tuple[float, float]:
    """Return the largest force (eV/angstrom) and component of stress + pressure (GPa) that the loaded engine sees."""
    _, forces, stress = engine.evaluate(positions, cell)
    excess = stress + pressure_gpa * GPA * np.eye(3)
    return float(np.linalg.norm(forces, axis=1).max()), float(np.abs(excess).max() / GPA)


def converged(engine: LammpsCalculator, positions: np.ndarray, cell: np.ndarray, pressure_gpa: float) -> bool:
    """Return whether forces and stress are within the driver's default tolerances."""
    force, stress = residuals(engine, positions, cell, pressure_gpa)
    tolerances = RelaxParameters()
    return force <= tolerances.force_tolerance and stress <= tolerances.stress_tolerance


def box_relax(engine: LammpsCalculator, start: Atoms, pressure_gpa: float) -> Relaxed:
    """LAMMPS's conjugate gradients with `fix box/relax tri`, started again until converged or no step is taken.

    A restart makes the fix's reference cell the present one. A skin keeps LAMMPS from new neighbour lists at each
    step, `nreset` and a small `vmax` let the most structures converge.
    """
    lammps = engine._lammps
    engine.load(start.numbers, start.positions, start.cell.array)
    lammps.commands_list(["neighbor 0.3 nsq", "min_style cg", "min_modify line quadratic dmax 0.1"])
    steps = 0
    for _ in range(RESTARTS):
        target = pressure_gpa * GPA_IN_ATM
        lammps.command(f"fix box all box/relax tri {target!r} vmax 0.001 nreset 50")
        before = lammps.extract_global("ntimestep")
        lammps.command(f"minimize 0 1e-4 {STEPS_A_RESTART} {10 * STEPS_A_RESTART}")
        taken = lammps.extract_global("ntimestep") - before
        lammps.command("unfix box")
        positions, cell = _lammps_structure(engine, len(start))
        steps += taken
        if _within(engine, pressure_gpa):
            return Relaxed(positions, cell, steps, True)
        if taken == 0:
            break
    return Relaxed(positions, cell, steps, False)


def _lammps_structure(engine: LammpsCalculator, atoms: int) -> tuple[np.ndarray, np.ndarray]:
    lammps = engine._lammps
    low, high, xy, yz, xz, *_ = lammps.extract_box()
    lengths = np.subtract(high, low)
    cell = np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]])
    return np.array(lammps.gather_atoms("x", 1, 3)).reshape(atoms, 3) - low, cell


def _within(engine: LammpsCalculator, pressure_gpa: float) -> bool:
    """Return whether LAMMPS's own last forces and virial are within the driver's default tolerances."""
    lammps, tolerances = engine._lammps, RelaxParameters()
    forces = np.array(lammps.gather_atoms("f", 1, 3)).reshape(-1, 3) * engine._energy_unit
    xx, yy, zz, xy, xz, yz = lammps.extract_compute("virial", 0, 1)[:6]
    pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) * -engine._stress_unit / GPA
    error = np.abs(pressure - pressure_gpa * np.eye(3)).max()
    return np.linalg.norm(forces, axis=1).max() <= tolerances.force_tolerance and error <= tolerances.stress_tolerance


class EngineCalculator(Calculator):
    """The driver's engine as an ASE calculator; counts its evaluations."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, engine: LammpsCalculator) -> None:
        super().__init__()
        self.engine = engine
        self.calls = 0

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Compute energy, forces and stress."""
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        energy, forces, stress = self.engine.evaluate(self.atoms.positions, self.atoms.cell.array)
        voigt = stress.ravel()[[0, 4, 8, 5, 2, 1]]
        self.results = {"energy": energy, "free_energy": energy, "forces": forces, "stress": voigt}


def _lbfgs(movable: UnitCellFilter) -> LBFGS:
    return LBFGS(movable, logfile=None)


def _fire(movable: UnitCellFilter) -> FIRE:
    return FIRE(movable, logfile=None)


def _line_search(movable: UnitCellFilter) -> BFGSLineSearch:
    return BFGSLineSearch(movable, logfile=None)


def with_ase(make: Callable[[UnitCellFilter], LBFGS]) -> Relax:
    """Return a relaxation by one of ASE's optimisers with a UnitCellFilter.

    It stops when forces and stress are within the driver's default tolerances, like the others. A FrechetCellFilter
    takes several times longer, for its matrix exponentials and logarithms. PreconLBFGS with Exp is left out:
    on the starts tried its line search failed and was reset, and it took four to nine times the driver's calls.
    """

    def relax(engine: LammpsCalculator, start: Atoms, pressure_gpa: float) -> Relaxed:
        atoms = start.copy()
        engine.load(atoms.numbers, atoms.positions, atoms.cell.array)
        atoms.calc = calculator = EngineCalculator(engine)
        optimiser = make(UnitCellFilter(atoms, scalar_pressure=pressure_gpa * GPA))
        tolerances, done = RelaxParameters(), False
        try:
            for _ in optimiser.irun(fmax=1e-12, steps=MOST_ASE_CALLS):
                force = np.linalg.norm(atoms.get_forces(), axis=1).max()
                error = np.abs(atoms.get_stress(voigt=False) + pressure_gpa * GPA * np.eye(3)).max() / GPA
                done = force <= tolerances.force_tolerance and error <= tolerances.stress_tolerance
                if done or calculator.calls >= MOST_ASE_CALLS:
                    break
        except Exception as error:  # an optimiser that gives up is a result, not an end of the benchmark
            print(f"  {make.__name__}: {type(error).__name__}: {str(error)[:80]}")
        return Relaxed(atoms.positions, atoms.cell.array, calculator.calls, bool(done))

    return relax


RIVALS: dict[str, Relax] = {
    "LAMMPS minimize, box/relax tri": box_relax,
    "ASE LBFGS": with_ase(_lbfgs),
    "ASE BFGSLineSearch": with_ase(_line_search),
    "ASE FIRE": with_ase(_fire),
}

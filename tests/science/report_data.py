"""A small report on invented phases, one of them with a name that would run a script."""

from __future__ import annotations

import numpy as np
from ase.spacegroup import crystal
from invented_comparison import invented_comparison

from aiida_polymorph.landscape.comparison_record import comparison_summary
from aiida_polymorph.report.data import EnergiesView, LandscapeView, NodeRecord, ReportData, SurrogateView
from aiida_polymorph.report.free_energy_curves import FreeEnergyView
from aiida_polymorph.search.unseen import estimate_unseen_within
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import phase_diagram, usual_grid
from aiida_polymorph.units import GPA

ENTHALPIES = np.array([0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.4, 0.3]) - 38
NASTY = "<script>alert('phase')</script>"


def invented_potentials() -> ChemicalPotentials:
    """Three phases at two pressures; the last was not found at 0 GPa."""
    pressures, volumes = np.array([0.0, 20.0]), np.array([[31.0, 29.0], [29.0, 27.5], [28.0, 26.5]])
    start = np.array([[0.0], [0.15], [0.25]])
    steps = volumes.mean(axis=1, keepdims=True) * pressures * GPA
    return ChemicalPotentials(
        names=("rutile", NASTY, "pyrite"),
        pressures_gpa=pressures,
        enthalpy=start + steps,
        enthalpy_error=np.array([[0.0, 0.0], [0.0, 0.0], [0.02, 0.0]]),
        entropy=np.array([[0.1, 0.1], [0.0, 0.0], [-0.1, -0.1]]),
        entropy_covariance=np.repeat(0.1**2 * np.eye(3)[None], 2, axis=0),
        volume=volumes,
        method=np.array([["basin", "basin"], ["basin", "basin"], ["surrogate", "basin"]]),
    )


def invented_landscape(structures: bool = True, pressure: float = 0.0) -> LandscapeView:
    """Nine structures in two clusters of three and four, two loose ones, and a reference that was not found."""
    labels = np.array([0, 0, 0, 1, 1, 1, 1, -1, -1])
    centres = np.array([[0.1, 0.0], [-0.1, 0.1], [0.0, -0.1]])
    rutile = crystal(["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.6, 4.6, 2.95, 90, 90, 90])
    return LandscapeView(
        pressure_gpa=pressure,
        coordinates=np.concatenate([centres[labels[:7]], [[0.05, 0.05], [0.02, 0.08]]]),
        labels=labels,
        enthalpy=ENTHALPIES,
        volume=np.linspace(28, 32, 9),
        names=["rutile", NASTY],
        known=np.array([True, False]),
        representatives=np.array([0, 3]),
        missing_names=["pyrite"],
        missing_coordinates=centres[2:],
        eps=1e-3,
        scan_eps=np.array([1e-4, 1e-3, 1e-2]),
        scan_clusters=np.array([2, 2, 1]),
        found_once=2,
        relaxed=9,
        failed={"did not converge": 1},
        unseen=estimate_unseen_within(np.where(labels < 0, [2] * 8 + [3], labels), ENTHALPIES),
        structures=StructureSet.from_atoms([rutile] * 9) if structures else None,
    )


def invented_energies() -> EnergiesView:
    """Gibbs energies of five phases, one integrand, and a phase diagram with a triple point."""
    arrays = {"lambda_forward": np.linspace(0, 1, 9), "force_forward": np.ones(9), "forward": np.ones(1)}
    arrays |= {"lambda_backward": np.linspace(1, 0, 9), "force_backward": np.ones(9)}
    checks = {"dissipation": 1e-3, "dissipation_error": 2e-4}
    view = FreeEnergyView("a", "TiO2", 700.0, 0.0, "switching", arrays, checks, node=42)
    comparison = invented_comparison()
    return EnergiesView(comparison, comparison_summary(comparison), [40, 41], [view], invented_diagram())


def invented_diagram() -> PhaseDiagram:
    """Three phases that meet at 1000 K and 10 GPa."""
    ends = {("a", "b"): (300.0, 8.0), ("a", "c"): (1600.0, 11.0), ("b", "c"): (1000.0, 20.0)}
    lines = [CoexistenceLine(*phases, True, (point(*start), point(1000.0, 10.0))) for phases, start in ends.items()]
    dotted = CoexistenceLine("a", "b", False, (point(1000.0, 10.0), point(1600.0, 12.0)))
    temperatures, pressures = np.linspace(300, 1600, 14), np.linspace(0, 20, 11)
    t, p = np.meshgrid(temperatures, pressures, indexing="ij")
    stable = np.where(p < 10, 0, np.where(t < 1000, 1, 2))
    certain, known = np.full(stable.shape, 0.9), np.ones(3)
    return PhaseDiagram(("a", "b", "c"), temperatures, pressures, stable, certain, 0 * known, known, (*lines, dotted))


def point(temperature: float, pressure: float) -> CoexistencePoint:
    """A point of a line."""
    return CoexistencePoint(temperature, pressure, 0.2, 0.003, -0.1, -0.4)


def invented_report(structures: bool = True) -> ReportData:
    """A report with everything in it."""
    row = {"known": True, "space_group": "P4_2/mnm", "pressure_gpa": 0.0, "found": {"2": 3}, "saddle": None}
    errors = {"random": {"mae": 0.001, "rmse": 0.002, "r2": None}}
    return ReportData(
        title=f"Report {NASTY}",
        formula="TiO2",
        settings={"recipe": {"seed": 7, "note": NASTY}},
        landscapes=[invented_landscape(structures, pressure) for pressure in (0.0, 20.0)],
        phases=[{"name": "rutile", "method": "basin", **row}, {"name": NASTY, "above_hull_ev": 0.15, **row}],
        potentials=invented_potentials(),
        diagram=phase_diagram(invented_potentials(), *usual_grid(invented_potentials())),
        surrogates=[SurrogateView(0.0, "enthalpy", errors, np.array([0.0, 1.0]), np.array([0.1, 0.9]))],
        basin_entropy=[{"pressure_gpa": 0.0, "components": 1, "overdispersion": 0.6}],
        nodes=[NodeRecord("Landscape", 4711, "aa-bb", "LandscapeData", "", "javascript:alert(1)", ("phases",))],
        temperatures=(1600.0,),
        notes=[NASTY],
        energies=invented_energies(),
    )

"""What the report shows, as plain Python and NumPy; the AiiDA layer fills it from nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_polymorph.landscape.source_comparison import Comparison
from aiida_polymorph.report.free_energy_curves import FreeEnergyView
from aiida_polymorph.search.unseen import UnseenWithin
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve


@dataclass(frozen=True, eq=False)
class LandscapeView:
    """The clustered structures of one pressure: n structures, k clusters, m references that were not found.

    Attributes:
        pressure_gpa: pressure of the search.
        coordinates: KPCA components, shape (n, c), c >= 2.
        labels: cluster of each structure, shape (n,); -1 where it belongs to none.
        enthalpy: eV per formula unit, shape (n,).
        volume: angstrom^3 per formula unit, shape (n,).
        names: phase name of each cluster, k of them, in the order of the labels.
        known: whether the phase is a reference, shape (k,).
        representatives: index of each cluster's representative within the n structures, shape (k,).
        missing_names: references that the search did not find, m of them.
        missing_coordinates: their place on the same map, shape (m, c).
        eps: chosen radius of DBSCAN.
        scan_eps, scan_clusters: how the number of clusters depends on eps, shape (s,) each; empty if unknown.
        min_samples: of DBSCAN.
        found_once: number of minima found once.
        relaxed, failed: structures that entered, and those that didn't by reason.
        unseen: what the search has probably missed, within windows of enthalpy; None if it was not recorded.
        missed_enthalpies: of minima that a reference or another pressure makes known and the search did not find, eV
            per formula unit.
        structures: the n structures themselves, for the chemiscope view; None leaves that view out.
    """

    pressure_gpa: float
    coordinates: np.ndarray
    labels: np.ndarray
    enthalpy: np.ndarray
    volume: np.ndarray
    names: Sequence[str]
    known: np.ndarray
    representatives: np.ndarray
    missing_names: Sequence[str] = ()
    missing_coordinates: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    eps: float = float("nan")
    scan_eps: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scan_clusters: np.ndarray = field(default_factory=lambda: np.zeros(0))
    min_samples: int = 3
    found_once: int | None = None
    relaxed: int | None = None
    failed: Mapping[str, int] = field(default_factory=dict)
    unseen: Sequence[UnseenWithin] | None = None
    missed_enthalpies: Sequence[float] = ()
    structures: StructureSet | None = None

    def known_missed(self, highest: float) -> list[float]:
        """Return the enthalpies of known minima that were not found, up to one in eV per formula unit."""
        return sorted(enthalpy for enthalpy in self.missed_enthalpies if enthalpy <= highest)


@dataclass(frozen=True, eq=False)
class SurrogateView:
    """One surrogate and its test.

    Attributes:
        pressure_gpa: pressure that it was trained at.
        target: `enthalpy` (eV per formula unit) or `basin entropy` (kB per formula unit).
        evaluation: `random`, `novel` and `cluster`, each a mapping with `mae`, `rmse`, `r2`, in the target's unit.
        actual, predicted: held-out values, shape (t,) each.
        error: stated errors of the predictions, shape (t,), or None.
    """

    pressure_gpa: float
    target: str
    evaluation: Mapping[str, Mapping[str, float | None]]
    actual: np.ndarray = field(default_factory=lambda: np.zeros(0))
    predicted: np.ndarray = field(default_factory=lambda: np.zeros(0))
    error: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class EnergiesView:
    """Gibbs energies by molecular dynamics and by lattice dynamics, beside those of the searches.

    Attributes:
        comparison: all sources side by side.
        summary: how well they agree, and which phase is lowest by each, as the comparison's node has it.
        nodes: PK of each node that the comparison numbers.
        integrands: what Frenkel-Ladd free energies were integrated from.
        diagram: the phase diagram that follows from the Gibbs energies, with its coexistence lines; None for none.
        no_diagram: why there is none.
    """

    comparison: Comparison
    summary: Mapping[str, Any]
    nodes: Sequence[int]
    integrands: Sequence[FreeEnergyView] = ()
    diagram: PhaseDiagram | None = None
    no_diagram: str = ""


@dataclass(frozen=True)
class NodeRecord:
    """A node of the provenance graph that a number of the report came from.

    Attributes:
        role: what it gives to the report, e.g. `Landscape at 20 GPa`.
        pk, uuid: its identifiers.
        kind: its class or process label, e.g. `LandscapeData`.
        created: when, as text.
        link: a place to read more, relative or file link; None for none.
        sections: anchors of the report's sections whose numbers it leads to, see `report.sections`.
        made_with: version of the package and code that made it, as text; "" where no process made it.
    """

    role: str
    pk: int
    uuid: str
    kind: str = ""
    created: str = ""
    link: str | None = None
    sections: Sequence[str] = ()
    made_with: str = ""


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that one report shows; whatever is left out, the report says that it is not there.

    Attributes:
        title: heading of the page.
        formula: composition, e.g. `TiO2`.
        settings: name -> value or nested mapping, shown as a table (recipe, minimiser, fingerprint, ...).
        landscapes: one for each searched pressure.
        phases: rows with the fields of `aiida-polymorph phases --json`, of all pressures; unknown is None.
        potentials: chemical potentials of the phases; None without.
        diagram: phase diagram that follows from them; None without.
        surrogates: the surrogates with their tests.
        basin_entropy: one mapping for each pressure: `pressure_gpa`, `components`, `overdispersion`, ...
        nodes: where the numbers came from.
        temperatures: of the chemical-potential figures, K.
        phase_order: names of all phases of the profile, from which their colours follow.
        relative_to: phase that chemical potentials are drawn relative to; None takes one by itself.
        created: when and by which version, as text.
        notes: warnings that a reader of the numbers must see.
        energies: Gibbs energies beside the search; without them the page has no such sections.
        enthalpy_curves: of scans over pressure, by DFT or a potential; without them the page has no such section.
        enthalpy_relative_to: phase whose enthalpy is zero in these.
        map_link: relative link to the chemiscope view of the maps, if there is one.
        map_note: why there is none.
    """

    title: str
    formula: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    landscapes: Sequence[LandscapeView] = ()
    phases: Sequence[Mapping[str, Any]] = ()
    potentials: ChemicalPotentials | None = None
    diagram: PhaseDiagram | None = None
    surrogates: Sequence[SurrogateView] = ()
    basin_entropy: Sequence[Mapping[str, Any]] = ()
    nodes: Sequence[NodeRecord] = ()
    temperatures: Sequence[float] = (1600.0,)
    phase_order: Sequence[str] = ()
    relative_to: str | None = None
    created: str = ""
    notes: Sequence[str] = ()
    energies: EnergiesView | None = None
    enthalpy_curves: Sequence[EnthalpyCurve] = ()
    enthalpy_relative_to: str = ""
    map_link: str | None = None
    map_note: str = ""

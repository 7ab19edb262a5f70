"""Chemical potentials from integration, the harmonic approximation and basin entropies side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from aiida_polymorph.landscape.entropy_comparison import EntropyComparison, EntropyPairs, compare_entropies
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.diagrams.comparison import (
    Surfaces,
    between,
    most_often_lowest,
    relative_to,
)
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import StatePoint

COMPUTED = ("integration", "harmonic")
SOURCES = (*COMPUTED, "basin")


@dataclass(frozen=True)
class Measured:
    """What a node tells of one phase at one temperature and pressure, per formula unit.

    Attributes:
        phase: its name.
        source: one of `COMPUTED`.
        state_point: temperature (K) and pressure (GPa).
        gibbs_energy: eV; None where there is none.
        volume: angstrom^3, nan if unknown.
        entropy: kB; None if unknown.
        reason: why there is no Gibbs energy, "" if there is one.
        node: number of the node among those that are compared, from 0.
    """

    phase: str
    source: str
    state_point: StatePoint
    gibbs_energy: Estimate | None
    volume: float
    entropy: Estimate | None
    reason: str
    node: int


class Overlap(NamedTuple):
    """A Gibbs energy that several nodes tell of: that of the smaller error counts."""

    left: Measured
    kept: Measured


@dataclass(frozen=True, eq=False)
class Comparison:
    """Phases by several sources.

    Attributes:
        measured: source -> phase -> state point -> what a node tells.
        basin: enthalpies and basin entropies; None without.
        relative_to: the reference phase.
        formula: of a formula unit.
        convention: of all Gibbs energies.
        potential: its name.
        remarks: what the reader should know.
    """

    measured: Mapping[str, Mapping[str, Mapping[StatePoint, Measured]]]
    basin: ChemicalPotentials | None
    relative_to: str
    formula: str
    convention: str
    potential: str
    remarks: tuple[str, ...] = ()
    relative: Mapping[str, Surfaces] = field(init=False)

    def __post_init__(self) -> None:
        relative = {
            source: relative_to(
                self.surfaces(source), self.relative_to, self.interpolated(source).get(self.relative_to, {})
            )
            for source in COMPUTED
        }
        object.__setattr__(self, "relative", {**relative, "basin": self.basin_surfaces(self.relative_to)})

    @property
    def state_points(self) -> list[StatePoint]:
        """All state points that nodes tell of, by temperature and pressure."""
        return sorted({point for source in self.measured.values() for phase in source.values() for point in phase})

    @property
    def phases(self) -> list[str]:
        """All phases that nodes tell of."""
        return sorted({phase for source in self.measured.values() for phase in source})

    @property
    def temperatures(self) -> list[float]:
        """All temperatures, rising, K."""
        return sorted({temperature for temperature, _ in self.state_points})

    @property
    def sources(self) -> list[str]:
        """The sources that tell of more than one phase somewhere."""
        return [source for source in SOURCES if sum(bool(values) for values in self.relative[source].values()) > 1]

    def at(self, source: str, phase: str, point: StatePoint) -> Measured | None:
        """Return what a node tells, None where there is none."""
        return self.measured[source].get(phase, {}).get(point)

    def surfaces(self, source: str) -> dict[str, dict[StatePoint, Estimate]]:
        """Return the known Gibbs energies of a source, eV per formula unit."""
        return known_values(self.measured[source])

    def interpolated(self, source: str) -> dict[str, dict[StatePoint, Estimate]]:
        """Return the Gibbs energies of a source at all state points, where need be from the pressures around."""
        return interpolated_values(self.measured[source], self.state_points)

    def basin_entropy(self, phase: str, pressure_gpa: float) -> Estimate | None:
        """Return the basin entropy of a phase at a searched pressure, kB per formula unit; None where unknown."""
        entry = self._basin_entry(phase, pressure_gpa)
        if entry is None or self.basin is None:
            return None
        row, column = entry
        error = float(np.sqrt(self.basin.entropy_covariance[column, row, row]))
        return Estimate(float(self.basin.entropy[row, column]), error)

    def entropies(self, temperature: float) -> EntropyComparison:
        """Return basin entropies beside those by integration at a temperature, at the searched pressures."""
        names, entries, true, pressures_gpa = [], [], [], []
        for phase in self.phases:
            for point in self.state_points:
                found = self.at("integration", phase, point)
                where = self._basin_entry(phase, point[1])
                if point[0] == temperature and where is not None and found is not None and found.entropy is not None:
                    names.append(phase)
                    entries.append(where)
                    true.append(found.entropy)
                    pressures_gpa.append(point[1])
        return compare_entropies(self._pairs(names, entries, true, np.array(pressures_gpa, dtype=float)))

    def _pairs(
        self, names: list[str], entries: list[tuple[int, int]], true: list[Estimate], pressures_gpa: np.ndarray
    ) -> EntropyPairs:
        if self.basin is None or not names:
            nothing = np.zeros(0)
            return EntropyPairs((), nothing, nothing, np.zeros((0, 0)), nothing, nothing, nothing)
        rows, columns = np.array(entries, dtype=int).T
        values, errors = np.array(true, dtype=float).T
        same = columns[:, None] == columns[None, :]
        covariance = self.basin.entropy_covariance[columns[:, None], rows[:, None], rows[None, :]] * same
        basin, enthalpy = (getattr(self.basin, name)[rows, columns] for name in ("entropy", "enthalpy"))
        return EntropyPairs(tuple(names), pressures_gpa, basin, covariance, values, errors, enthalpy)

    def _basin_entry(self, phase: str, pressure_gpa: float) -> tuple[int, int] | None:
        """Return row and column of a phase that was found at a searched pressure and has a basin entropy there."""
        if self.basin is None or phase not in self.basin.names:
            return None
        row = self.basin.names.index(phase)
        columns = np.flatnonzero(np.isclose(self.basin.pressures_gpa, pressure_gpa, atol=1e-6))
        if not len(columns) or self.basin.method[row, columns[0]] != "basin":
            return None
        return (row, int(columns[0])) if np.isfinite(self.basin.entropy[row, columns[0]]) else None

    def basin_surfaces(self, relative_to: str | None = None) -> dict[str, dict[StatePoint, Estimate]]:
        """Return chemical potentials by basin entropy where phases were found, or between such pressures.

        Args:
            relative_to: phase to take off; without it the values, eV per formula unit, hold a constant of each
                pressure, and errors a part that all phases share.
        """
        found: dict[str, dict[StatePoint, Estimate]] = {phase: {} for phase in self.phases}
        if self.basin is None or (relative_to is not None and relative_to not in self.basin.names):
            return found
        names = list(self.basin.names)
        base = None if relative_to is None else names.index(relative_to)
        rows = {phase: names.index(phase) for phase in self.phases if phase in names}
        for point in self.state_points if rows else ():
            at = self.basin.evaluate(*point)
            known = np.isfinite(at.mu) & (at.method == "basin")
            shift = 0.0 if base is None else at.mu[base]
            errors = np.sqrt(np.diag(at.covariance)) if base is None else at.error_relative_to(base)
            for phase, row in rows.items():
                if known[row] and (base is None or known[base]):
                    found[phase][point] = Estimate(float(at.mu[row] - shift), float(errors[row]))
        return found


def known_values(measured: Mapping[str, Mapping[StatePoint, Measured]]) -> dict[str, dict[StatePoint, Estimate]]:
    """Return phase -> state point -> Gibbs energy, eV per formula unit, without what is unknown."""
    return {
        phase: {point: each.gibbs_energy for point, each in values.items() if each.gibbs_energy is not None}
        for phase, values in measured.items()
    }


def along_pressure(
    entries: Mapping[StatePoint, Measured], temperature: float, pressures_gpa: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Gibbs energies of one phase over pressure, and their errors, nan where the phase is not metastable.

    Args:
        entries: of the phase, by state point.
        temperature: K.
        pressures_gpa: GPa, shape (m,).

    Returns:
        eV per formula unit, shape (m,) each.
    """
    at = sorted(point for point in entries if point[0] == temperature)
    if not at:
        return np.full(len(pressures_gpa), np.nan), np.full(len(pressures_gpa), np.nan)
    unknown = Estimate(np.nan, np.nan)
    values, errors = np.array([entries[point].gibbs_energy or unknown for point in at]).T
    volumes = np.array([entries[point].volume for point in at])
    return between(np.array([point[1] for point in at]), values, errors, volumes, pressures_gpa)


def interpolated_values(
    measured: Mapping[str, Mapping[StatePoint, Measured]], state_points: Sequence[StatePoint]
) -> dict[str, dict[StatePoint, Estimate]]:
    """Return phase -> state point -> Gibbs energy, eV per formula unit, at all state points or between them."""
    found: dict[str, dict[StatePoint, Estimate]] = {phase: {} for phase in measured}
    for temperature in dict.fromkeys(point[0] for point in state_points):
        pressures_gpa = np.array([point[1] for point in state_points if point[0] == temperature])
        for phase, entries in measured.items():
            values, errors = along_pressure(entries, temperature, pressures_gpa)
            for i in np.flatnonzero(np.isfinite(values)):
                point = (temperature, float(pressures_gpa[i]))
                found[phase][point] = Estimate(float(values[i]), float(errors[i]))
    return found


def usual_reference(measured: Mapping[str, Mapping[str, Mapping[StatePoint, Measured]]]) -> str | None:
    """Return the phase that is lowest at most state points by integration, else in the harmonic approximation."""
    for source in COMPUTED:
        state_points = [point for values in measured[source].values() for point in values]
        surfaces = interpolated_values(measured[source], list(dict.fromkeys(state_points)))
        if any(surfaces.values()):
            return most_often_lowest(surfaces)
    return None


def by_source(
    entries: Iterable[Measured],
) -> tuple[dict[str, dict[str, dict[StatePoint, Measured]]], list[Overlap]]:
    """Return source -> phase -> state point -> entry, and what several nodes tell of.

    Of two Gibbs energies of a phase at one state point by one source that of the smaller error counts.
    """
    found: dict[str, dict[str, dict[StatePoint, Measured]]] = {source: {} for source in COMPUTED}
    overlaps = []
    for entry in entries:
        known = found[entry.source].setdefault(entry.phase, {})
        other = known.get(entry.state_point)
        if other is None or other.node == entry.node:
            known[entry.state_point] = entry
            continue
        kept, left = sorted((other, entry), key=lambda each: each.gibbs_energy.error if each.gibbs_energy else np.inf)
        known[entry.state_point] = kept
        overlaps.append(Overlap(left, kept))
    return found, overlaps

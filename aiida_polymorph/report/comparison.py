"""Chemical potentials from integration, the harmonic approximation and basin entropies side by side: rows, summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_polymorph.landscape.entropy_comparison import EntropyComparison, EntropyPairs, compare_entropies
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.diagrams.comparison import (
    Agreement,
    Place,
    Surfaces,
    agreement,
    between,
    lowest,
    most_often_lowest,
    relative_to,
)
from aiida_polymorph.thermodynamics.sampling.series import Estimate

COMPUTED = ("integration", "harmonic")
SOURCES = (*COMPUTED, "basin")


@dataclass(frozen=True)
class Measured:
    """What a node tells of one phase at one temperature and pressure, per formula unit.

    Attributes:
        phase: its name.
        source: one of `COMPUTED`.
        place: temperature (K) and pressure (GPa).
        gibbs_energy: eV; None where there is none.
        volume: angstrom^3, nan if unknown.
        entropy: kB; None if unknown.
        reason: why there is no Gibbs energy, "" if there is one.
        node: PK.
    """

    phase: str
    source: str
    place: Place
    gibbs_energy: Estimate | None
    volume: float
    entropy: Estimate | None
    reason: str
    node: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Phases by several sources.

    Attributes:
        measured: source -> phase -> place -> what a node tells.
        basin: enthalpies and basin entropies; None without.
        relative_to: the reference phase.
        formula: of a formula unit.
        convention: of all Gibbs energies.
        potential: its name.
        remarks: what the reader should know.
    """

    measured: Mapping[str, Mapping[str, Mapping[Place, Measured]]]
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
    def places(self) -> list[Place]:
        """All places that nodes tell of, by temperature and pressure."""
        return sorted({place for source in self.measured.values() for phase in source.values() for place in phase})

    @property
    def phases(self) -> list[str]:
        """All phases that nodes tell of."""
        return sorted({phase for source in self.measured.values() for phase in source})

    @property
    def temperatures(self) -> list[float]:
        """All temperatures, rising, K."""
        return sorted({temperature for temperature, _ in self.places})

    @property
    def sources(self) -> list[str]:
        """The sources that tell of more than one phase somewhere."""
        return [source for source in SOURCES if sum(bool(values) for values in self.relative[source].values()) > 1]

    def at(self, source: str, phase: str, place: Place) -> Measured | None:
        """Return what a node tells, None where there is none."""
        return self.measured[source].get(phase, {}).get(place)

    def surfaces(self, source: str) -> dict[str, dict[Place, Estimate]]:
        """Return the known Gibbs energies of a source, eV per formula unit."""
        return known_values(self.measured[source])

    def interpolated(self, source: str) -> dict[str, dict[Place, Estimate]]:
        """Return the Gibbs energies of a source at all places, where need be from the pressures around."""
        return interpolated_values(self.measured[source], self.places)

    def basin_entropy(self, phase: str, pressure: float) -> Estimate | None:
        """Return the basin entropy of a phase at a searched pressure, kB per formula unit; None where unknown."""
        place = self._basin_place(phase, pressure)
        if place is None:
            return None
        row, column = place
        error = float(np.sqrt(self.basin.entropy_covariance[column, row, row]))
        return Estimate(float(self.basin.entropy[row, column]), error)

    def entropies(self, temperature: float) -> EntropyComparison:
        """Return basin entropies beside those by integration at a temperature, at the searched pressures."""
        names, places, true, pressures = [], [], [], []
        for phase in self.phases:
            for place in self.places:
                found = self.at("integration", phase, place)
                where = self._basin_place(phase, place[1])
                if place[0] == temperature and where is not None and found is not None and found.entropy is not None:
                    names.append(phase)
                    places.append(where)
                    true.append(found.entropy)
                    pressures.append(place[1])
        return compare_entropies(self._pairs(names, places, true, np.array(pressures, dtype=float)))

    def _pairs(
        self, names: list[str], places: list[tuple[int, int]], true: list[Estimate], pressures: np.ndarray
    ) -> EntropyPairs:
        rows, columns = np.array(places, dtype=int).reshape(-1, 2).T
        values, errors = np.array(true, dtype=float).reshape(-1, 2).T
        empty = np.zeros((0, 0))
        same = columns[:, None] == columns[None, :]
        covariance = (
            self.basin.entropy_covariance[columns[:, None], rows[:, None], rows[None, :]] * same if names else empty
        )
        basin, enthalpy = (
            (getattr(self.basin, name)[rows, columns] if names else np.zeros(0)) for name in ("entropy", "enthalpy")
        )
        return EntropyPairs(tuple(names), pressures, basin, covariance, values, errors, enthalpy)

    def _basin_place(self, phase: str, pressure: float) -> tuple[int, int] | None:
        """Return row and column of a phase that was found at a searched pressure and has a basin entropy there."""
        if self.basin is None or phase not in self.basin.names:
            return None
        row = self.basin.names.index(phase)
        columns = np.flatnonzero(np.isclose(self.basin.pressures, pressure, atol=1e-6))
        if not len(columns) or self.basin.method[row, columns[0]] != "basin":
            return None
        return (row, int(columns[0])) if np.isfinite(self.basin.entropy[row, columns[0]]) else None

    def basin_surfaces(self, relative_to: str | None = None) -> dict[str, dict[Place, Estimate]]:
        """Return chemical potentials by basin entropy where phases were found, or between such pressures.

        Args:
            relative_to: phase to take off; without it the values, eV per formula unit, hold a constant of each
                pressure, and errors a part that all phases share.
        """
        found: dict[str, dict[Place, Estimate]] = {phase: {} for phase in self.phases}
        names = self.basin.names if self.basin is not None else ()
        if relative_to is not None and relative_to not in names:
            return found
        base = None if relative_to is None else names.index(relative_to)
        rows = {phase: names.index(phase) for phase in self.phases if phase in names}
        for place in self.places if rows else ():
            at = self.basin.evaluate(*place)
            known = np.isfinite(at.mu) & (at.method == "basin")
            shift = 0.0 if base is None else at.mu[base]
            errors = np.sqrt(np.diag(at.covariance)) if base is None else at.error_relative_to(base)
            for phase, row in rows.items():
                if known[row] and (base is None or known[base]):
                    found[phase][place] = Estimate(float(at.mu[row] - shift), float(errors[row]))
        return found


def known_values(measured: Mapping[str, Mapping[Place, Measured]]) -> dict[str, dict[Place, Estimate]]:
    """Return phase -> place -> Gibbs energy, eV per formula unit, without what is unknown."""
    return {
        phase: {place: each.gibbs_energy for place, each in values.items() if each.gibbs_energy is not None}
        for phase, values in measured.items()
    }


def along_pressure(
    entries: Mapping[Place, Measured], temperature: float, pressures: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Gibbs energies of one phase over pressure, and their errors, nan where the phase does not last.

    Args:
        entries: of the phase, by place.
        temperature: K.
        pressures: GPa, shape (m,).

    Returns:
        eV per formula unit, shape (m,) each.
    """
    at = sorted(place for place in entries if place[0] == temperature)
    if not at:
        return np.full(len(pressures), np.nan), np.full(len(pressures), np.nan)
    unknown = Estimate(np.nan, np.nan)
    values, errors = np.array([entries[place].gibbs_energy or unknown for place in at]).T
    volumes = np.array([entries[place].volume for place in at])
    return between(np.array([place[1] for place in at]), values, errors, volumes, pressures)


def interpolated_values(
    measured: Mapping[str, Mapping[Place, Measured]], places: Sequence[Place]
) -> dict[str, dict[Place, Estimate]]:
    """Return phase -> place -> Gibbs energy, eV per formula unit, at all places or between them."""
    found: dict[str, dict[Place, Estimate]] = {phase: {} for phase in measured}
    for temperature in dict.fromkeys(place[0] for place in places):
        pressures = np.array([place[1] for place in places if place[0] == temperature])
        for phase, entries in measured.items():
            values, errors = along_pressure(entries, temperature, pressures)
            for i in np.flatnonzero(np.isfinite(values)):
                place = (temperature, float(pressures[i]))
                found[phase][place] = Estimate(float(values[i]), float(errors[i]))
    return found


def usual_reference(measured: Mapping[str, Mapping[str, Mapping[Place, Measured]]]) -> str | None:
    """Return the phase that is lowest at most places by integration, else in the harmonic approximation."""
    for source in COMPUTED:
        places = [place for values in measured[source].values() for place in values]
        surfaces = interpolated_values(measured[source], list(dict.fromkeys(places)))
        if any(surfaces.values()):
            return most_often_lowest(surfaces)
    return None


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the fields of `compare`: by temperature, pressure and name; None for what is unknown."""
    return [
        _row(comparison, phase, place)
        for place in comparison.places
        for phase in comparison.phases
        if any(comparison.at(source, phase, place) for source in COMPUTED)
    ]


def _row(comparison: Comparison, phase: str, place: Place) -> dict[str, Any]:
    integrated, harmonic = (comparison.at(source, phase, place) for source in COMPUTED)
    gibbs_energy, error = _pair(integrated and integrated.gibbs_energy)
    harmonic_energy, harmonic_error = _pair(harmonic and harmonic.gibbs_energy)
    entropy, entropy_error = _pair(integrated and integrated.entropy)
    basin_entropy, basin_error = _pair(comparison.basin_entropy(phase, place[1]))
    row = {
        "name": phase,
        "pressure_gpa": place[1],
        "temperature_k": place[0],
        "gibbs_energy_ev_per_formula_unit": gibbs_energy,
        "error_ev_per_formula_unit": error,
        "harmonic_gibbs_energy_ev_per_formula_unit": harmonic_energy,
        "harmonic_error_ev_per_formula_unit": harmonic_error,
        "relative_to": comparison.relative_to,
    }
    for source in SOURCES:
        value, error = _pair(comparison.relative[source].get(phase, {}).get(place))
        row[f"relative_{source}_ev_per_formula_unit"] = value
        row[f"relative_{source}_error_ev_per_formula_unit"] = error
    return row | {
        "entropy_kb": entropy,
        "entropy_error_kb": entropy_error,
        "basin_entropy_kb": basin_entropy,
        "basin_entropy_error_kb": basin_error,
        "reason": integrated.reason if integrated else harmonic.reason if harmonic else "",
        "integration_node": integrated.node if integrated else None,
        "harmonic_node": harmonic.node if harmonic else None,
    }


def _pair(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Return value and error of an estimate, None for both where it is unknown."""
    return (None, None) if estimate is None else (float(estimate.value), float(estimate.error))


def comparison_summary(comparison: Comparison) -> dict[str, Any]:
    """Return how well the sources agree, and which phase is stable by each of them.

    Returns:
        `relative_to`, `convention`, `potential`; `entropies` and `harmonic`, one entry a temperature; `stable`, one
        entry a place, with the phase that is lowest by each source among two or more that it knows there or between
        the pressures around.
    """
    return {
        "relative_to": comparison.relative_to,
        "convention": comparison.convention,
        "potential": comparison.potential,
        "entropies": [_entropy_summary(comparison, each) for each in comparison.temperatures],
        "harmonic": [_harmonic_summary(comparison, each) for each in comparison.temperatures],
        "stable": _stable(comparison),
        "remarks": list(comparison.remarks),
    }


def _entropy_summary(comparison: Comparison, temperature: float) -> dict[str, Any]:
    found = comparison.entropies(temperature)
    after = found.after or Agreement(0, float("nan"), float("nan"))
    return {
        "temperature_k": temperature,
        "phases": found.before.count,
        "r": found.before.r,
        "rmse_kb": found.before.rmse,
        "a_kb_per_ev": found.fit.a if found.fit else None,
        "a_error_kb_per_ev": found.fit.error if found.fit else None,
        "corrected_r": after.r,
        "corrected_rmse_kb": after.rmse,
    }


def _harmonic_summary(comparison: Comparison, temperature: float) -> dict[str, Any]:
    """Return how harmonic Gibbs energies agree with those by integration, relative to the mean at each pressure."""
    one, other = (comparison.surfaces(source) for source in reversed(COMPUTED))
    pairs = [
        (value.value, other[phase][place].value, place[1])
        for phase, values in one.items()
        for place, value in values.items()
        if place[0] == temperature and place in other.get(phase, {})
    ]
    harmonic, integrated, pressures = np.array(pairs, dtype=float).reshape(-1, 3).T
    found = agreement(harmonic, integrated, pressures)
    shift = float(np.mean(harmonic - integrated)) if pairs else None
    return {
        "temperature_k": temperature,
        "phases": found.count,
        "r": found.r,
        "rmse_ev_per_formula_unit": found.rmse,
        "mean_difference_ev_per_formula_unit": shift,
    }


def _stable(comparison: Comparison) -> list[dict[str, Any]]:
    stable = {source: lowest(comparison.interpolated(source)) for source in COMPUTED}
    stable["basin"] = lowest(comparison.basin_surfaces())
    return [
        {
            "pressure_gpa": pressure,
            "temperature_k": temperature,
            **{source: stable[source].get((temperature, pressure)) for source in SOURCES},
        }
        for temperature, pressure in comparison.places
    ]

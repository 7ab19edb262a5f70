"""Five phases of known Gibbs energy G = H(P) - T S, as three sources tell of them."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.landscape.source_comparison import COMPUTED, Comparison, Measured
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA, KB

ENTROPY = {"a": -12.0, "b": -11.5, "c": -12.4, "d": -11.8, "e": -12.1}
"""kB per formula unit."""

ENERGY = {"a": -39.0, "b": -38.9, "c": -38.7, "d": -38.4, "e": -38.6}
VOLUME = {"a": 31.0, "b": 30.0, "c": 29.5, "d": 28.0, "e": 29.0}
PRESSURES = (0.0, 10.0, 20.0, 40.0)
SEARCHED = (0.0, 20.0, 40.0)
TEMPERATURES = (700.0, 1600.0)
ERROR = 0.002


def enthalpy(name: str, pressure: float) -> float:
    """Return H in eV."""
    return ENERGY[name] + (VOLUME[name] * pressure - 0.05 * pressure**2) * GPA


def volume(name: str, pressure: float) -> float:
    """Return dH/dP in angstrom^3."""
    return VOLUME[name] - 0.1 * pressure


def gibbs(name: str, temperature: float, pressure: float) -> float:
    """Return G in eV."""
    return enthalpy(name, pressure) - KB * temperature * ENTROPY[name]


def invented_basin() -> ChemicalPotentials:
    """Basin entropies that are the true ones, but for a constant; phase c was not found at 40 GPa."""
    names, shape = tuple(ENTROPY), (len(ENTROPY), len(SEARCHED))
    method = np.full(shape, "basin", dtype="<U12")
    method[names.index("c"), -1] = "absent"
    return ChemicalPotentials(
        names=names,
        pressures_gpa=np.array(SEARCHED),
        enthalpy=np.array([[enthalpy(name, pressure) for pressure in SEARCHED] for name in names]),
        enthalpy_error=np.zeros(shape),
        entropy=np.array([[ENTROPY[name] + 7.0] * len(SEARCHED) for name in names]),
        entropy_covariance=np.repeat(0.1**2 * np.eye(len(names))[None], len(SEARCHED), axis=0),
        volume=np.array([[volume(name, pressure) for pressure in SEARCHED] for name in names]),
        method=method,
    )


def measured(name: str, source: str, temperature: float, pressure: float) -> Measured:
    """Phase c melts at 40 GPa; the harmonic approximation errs by 0.01 eV times the phase's number."""
    known = not (name == "c" and pressure == 40.0)
    shift = 0.01 * list(ENTROPY).index(name) if source == "harmonic" else 0.0
    value = Estimate(gibbs(name, temperature, pressure) + shift, ERROR)
    return Measured(
        phase=name,
        source=source,
        state_point=(temperature, pressure),
        gibbs_energy=value if known else None,
        volume=volume(name, pressure),
        entropy=Estimate(ENTROPY[name], 0.03) if known and source == "integration" else None,
        reason="" if known else "it melts",
        node=1,
    )


def invented_comparison(relative_to: str = "a") -> Comparison:
    """All phases, relative to one of them."""
    found = {
        source: {
            name: {(t, p): measured(name, source, t, p) for t in TEMPERATURES for p in PRESSURES} for name in ENTROPY
        }
        for source in COMPUTED
    }
    return Comparison(found, invented_basin(), relative_to, "TiO2", "unit", "matsui-akaogi")

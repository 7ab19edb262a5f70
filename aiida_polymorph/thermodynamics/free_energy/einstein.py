"""The ideal Einstein crystal: independent springs, the reference of the Frenkel-Ladd method.

Convention: classical, thermal wavelength 1 angstrom for every atom, whole cell in eV. The centroid of the crystal (the
centre of mass for equal masses) is held fixed; the translations of the whole crystal come back as `translation`. After
Vega, Sanz, Abascal and Noya, J. Phys.: Condens. Matter 20, 153101 (2008), section 4, and Polson, Trizac, Pronk and
Frenkel, J. Chem. Phys. 112, 5339 (2000), extended to springs that differ between atoms.
"""

from __future__ import annotations

import numpy as np

from aiida_polymorph.units import KB


def einstein_free_energy(springs: np.ndarray, temperature: float) -> float:
    """Return the Helmholtz energy of N springs whose centroid is fixed, without energy of the lattice.

    -ln Z = -sum_i 3/2 ln(2 pi kT / k_i) + 3/2 ln(2 pi kT sum_i(1/k_i) / N^2), in units of kT.

    Args:
        springs: k of each atom, eV/angstrom^2, shape (N,); the energy of a spring is k u^2 / 2.
        temperature: K.

    Raises:
        ValueError: if a spring or the temperature is not positive.
    """
    springs = _checked(springs, temperature)
    thermal = 2 * np.pi * KB * temperature
    fixed = np.log(thermal * np.sum(1 / springs) / len(springs) ** 2)
    return float(-KB * temperature * 1.5 * (np.sum(np.log(thermal / springs)) - fixed))


def translation(primitive_volume: float, temperature: float) -> float:
    """Return the Helmholtz energy of the translations of the crystal as a whole, eV.

    Moved by a vector of its lattice a crystal is the same but for labels, so that the volume is that of one primitive
    cell.

    Args:
        primitive_volume: angstrom^3.
        temperature: K.

    Raises:
        ValueError: if one of them is not positive.
    """
    for name, value in (("primitive_volume", primitive_volume), ("temperature", temperature)):
        if not value > 0:
            raise ValueError(f"{name} is {value}, must be positive")
    return float(-KB * temperature * np.log(primitive_volume))


def draw_displacements(springs: np.ndarray, temperature: float, number: int, seed: int) -> np.ndarray:
    """Return independent samples of the ideal Einstein crystal with fixed centroid, angstrom, shape (number, N, 3).

    Raises:
        ValueError: if a spring or the temperature is not positive.
    """
    springs = _checked(springs, temperature)
    variances = KB * temperature / springs
    free = np.random.default_rng(seed).normal(size=(number, len(springs), 3)) * np.sqrt(variances)[:, None]
    share = variances / variances.sum()
    return free - share[:, None] * free.sum(axis=1, keepdims=True)


def _checked(springs: np.ndarray, temperature: float) -> np.ndarray:
    springs = np.asarray(springs, dtype=float)
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature} K, must be positive")
    if not len(springs) or not np.all(springs > 0):
        raise ValueError("every atom needs a spring of positive constant")
    return springs

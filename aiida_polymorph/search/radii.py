"""Volumes and minimum separations proposed from the composition alone.

Three kinds of compound are told apart, each described by the radii that suit it:

- ionic (a metal or metalloid whose charges can balance): Shannon's radii. The ions fill 0.77 of the volume; cation
  and anion come as near as 0.8 of their radii's sum, anions as 0.75, and cations as 1.3 times their nearest distance
  to an anion, which is what edge-sharing octahedra have, but ions of like charge no farther than 0.8 of the distance
  that they have when close packed. For TiO2: 31 angstrom^3; Ti-Ti 2.6, Ti-O 1.6, O-O 2.1.
- molecular (non-metals with hydrogen, or with five valence electrons an atom or more): Hofmann's mean volumes of atoms
  in molecular crystals; atoms come as near as 0.8 of the sum of the covalent radii.
- other (elements, alloys, covalent networks): the volumes of the elements, and 0.8 of the sum of the radii, half the
  distance of neighbours for metals and the covalent radius for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from math import pi, sqrt
from typing import Any

import numpy as np
from ase.data import atomic_numbers, covalent_radii, reference_states

from aiida_polymorph.structures import NON_METALS

IONIC_PACKING = 0.77
COVALENT_PACKING = 0.3
NEAREST = 0.8
ANIONS_NEAREST = 0.75
CATIONS_NEAREST = 1.3
METALLOIDS = ("B", "Si", "Ge", "As", "Sb", "Te")

ANIONS: dict[str, tuple[int, float]] = {
    "H": (-1, 1.40),
    "N": (-3, 1.46),
    "O": (-2, 1.40),
    "F": (-1, 1.33),
    "S": (-2, 1.84),
    "Cl": (-1, 1.81),
    "Se": (-2, 1.98),
    "Br": (-1, 1.96),
    "Te": (-2, 2.21),
    "I": (-1, 2.20),
}
"""Charge and radius of the anions, angstrom: R. D. Shannon, Acta Cryst. A 32, 751 (1976); H from the hydrides."""

CATIONS: dict[str, dict[int, float]] = {
    symbol: {int(entry.split(":")[0]): float(entry.split(":")[1]) for entry in entries.split()}
    for symbol, entries in (
        line.split(" ", 1)
        for line in """\
H 1:-0.18
Li 1:0.76
Be 2:0.45
B 3:0.27
C 4:0.16
N 3:0.16 5:0.13
Na 1:1.02
Mg 2:0.72
Al 3:0.535
Si 4:0.40
P 3:0.44 5:0.38
S 4:0.37 6:0.29
Cl 7:0.27
K 1:1.38
Ca 2:1.00
Sc 3:0.745
Ti 2:0.86 3:0.67 4:0.605
V 2:0.79 3:0.64 4:0.58 5:0.54
Cr 2:0.80 3:0.615 4:0.55 6:0.44
Mn 2:0.83 3:0.645 4:0.53 7:0.46
Fe 2:0.78 3:0.645
Co 2:0.745 3:0.61
Ni 2:0.69 3:0.60
Cu 1:0.77 2:0.73
Zn 2:0.74
Ga 3:0.62
Ge 2:0.73 4:0.53
As 3:0.58 5:0.46
Se 4:0.50 6:0.42
Br 7:0.39
Rb 1:1.52
Sr 2:1.18
Y 3:0.90
Zr 4:0.72
Nb 3:0.72 4:0.68 5:0.64
Mo 3:0.69 4:0.65 6:0.59
Tc 4:0.645 7:0.56
Ru 3:0.68 4:0.62
Rh 3:0.665 4:0.60
Pd 2:0.86 4:0.615
Ag 1:1.15 2:0.94
Cd 2:0.95
In 3:0.80
Sn 2:1.18 4:0.69
Sb 3:0.76 5:0.60
Te 4:0.97 6:0.56
I 5:0.95 7:0.53
Cs 1:1.67
Ba 2:1.35
La 3:1.032
Ce 3:1.01 4:0.87
Pr 3:0.99 4:0.85
Nd 3:0.983
Pm 3:0.97
Sm 3:0.958
Eu 2:1.17 3:0.947
Gd 3:0.938
Tb 3:0.923 4:0.76
Dy 3:0.912
Ho 3:0.901
Er 3:0.89
Tm 3:0.88
Yb 2:1.02 3:0.868
Lu 3:0.861
Hf 4:0.71
Ta 3:0.72 4:0.68 5:0.64
W 4:0.66 6:0.60
Re 4:0.63 7:0.53
Os 4:0.63 8:0.39
Ir 3:0.68 4:0.625
Pt 2:0.80 4:0.625
Au 1:1.37 3:0.85
Hg 1:1.19 2:1.02
Tl 1:1.50 3:0.885
Pb 2:1.19 4:0.775
Bi 3:1.03 5:0.76
Th 4:0.94
Pa 4:0.90 5:0.78
U 3:1.025 4:0.89 6:0.73
Np 3:1.01 4:0.87 6:0.72
Pu 3:1.00 4:0.86 6:0.71""".splitlines()
    )
}
"""Radii of the cations by charge, angstrom, mostly for six neighbours (Shannon)."""

MOLECULAR_VOLUMES = {
    "H": 5.08,
    "C": 13.87,
    "N": 11.8,
    "O": 11.39,
    "F": 11.17,
    "P": 29.46,
    "S": 25.2,
    "Cl": 25.8,
    "Se": 30.3,
    "Br": 32.7,
    "I": 46.2,
}
"""Mean volumes of atoms in molecular crystals, angstrom^3: D. W. M. Hofmann, Acta Cryst. B 58, 489 (2002)."""

VALENCE_ELECTRONS = {"H": 1, "C": 4, "N": 5, "P": 5, "O": 6, "S": 6, "Se": 6, "F": 7, "Cl": 7, "Br": 7, "I": 7}

ELEMENT_VOLUMES = {"B": 7.3, "As": 21.5, "Se": 27.3, "Te": 34.0}
"""Volumes of elements whose entry in ASE's table is no simple lattice, angstrom^3 an atom."""

METAL_VOLUMES = {
    "Mn": 12.2,
    "Ga": 19.6,
    "In": 26.2,
    "Sn": 27.0,
    "Sb": 30.2,
    "La": 37.5,
    "Pr": 34.5,
    "Nd": 34.2,
    "Pm": 33.5,
    "Sm": 33.2,
    "Hg": 23.4,
    "Bi": 35.4,
    "Pa": 25.0,
    "U": 20.8,
    "Np": 19.2,
    "Pu": 20.0,
}
"""The same for metals."""


def propose_volume(counts: Mapping[str, int]) -> float:
    """Return a volume for these atoms, angstrom^3."""
    ions = ionic_radii(counts)
    if ions:
        return sum(n * 4 / 3 * pi * max(ions[symbol], 0.0) ** 3 for symbol, n in counts.items()) / IONIC_PACKING
    if is_molecular(counts):
        return sum(n * MOLECULAR_VOLUMES[symbol] for symbol, n in counts.items())
    return sum(n * element_volume(symbol) for symbol, n in counts.items())


def propose_minimum_separations(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the distance, angstrom, that each pair of elements must keep, to a tenth of an angstrom."""
    pairs = list(combinations_with_replacement(counts, 2))
    ions = ionic_radii(counts)
    if not ions:
        return {f"{a}-{b}": round(NEAREST * (element_radius(a) + element_radius(b)), 1) for a, b in pairs}
    anions = _anions(counts)
    room = {}
    for symbol in counts:
        alike = sum(n for other, n in counts.items() if (other in anions) == (symbol in anions))
        room[symbol] = NEAREST * (sqrt(2) * propose_volume(counts) / alike) ** (1 / 3)
    return {f"{a}-{b}": round(_ionic_separation(a, b, ions, anions, room[a]), 1) for a, b in pairs}


def _ionic_separation(a: str, b: str, ions: Mapping[str, float], anions: tuple[str, ...], room: float) -> float:
    """Return the separation of two ions; those of like charge must also find `room`."""
    total = ions[a] + ions[b]
    if (a in anions) != (b in anions):
        return NEAREST * total
    if a in anions:
        return min(room, ANIONS_NEAREST * total)
    return min(room, CATIONS_NEAREST * (total / 2 + min(ions[symbol] for symbol in anions)))


def ionic_radii(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the radius of each ion, angstrom; empty if the compound is not ionic.

    Where elements have several charges, all cations take the same share of their range, so that the sum is zero.
    """
    anions = _anions(counts)
    if not anions:
        return {}
    cations = [symbol for symbol in counts if symbol not in anions]
    share = _share(counts, anions)
    radii = {symbol: ANIONS[symbol][1] for symbol in anions}
    for symbol in cations:
        charges = sorted(CATIONS[symbol])
        charge = charges[0] + share * (charges[-1] - charges[0])
        radii[symbol] = float(np.interp(charge, charges, [CATIONS[symbol][each] for each in charges]))
    return radii


def _anions(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the anions: the fewest, beginning with the most electronegative, that balance the cations."""
    if not any(symbol in METALLOIDS or symbol not in NON_METALS for symbol in counts):
        return ()
    candidates = sorted((symbol for symbol in counts if symbol in ANIONS), key=NON_METALS.index, reverse=True)
    for k in range(1, min(len(candidates), len(counts) - 1) + 1):
        anions = tuple(candidates[:k])
        if all(symbol in CATIONS for symbol in counts if symbol not in anions) and 0 <= _share(counts, anions) <= 1:
            return anions
    return ()


def _share(counts: Mapping[str, int], anions: tuple[str, ...]) -> float:
    """Return where between the lowest (0) and highest (1) charges of the cations the anions' charge lies."""
    needed = -sum(counts[symbol] * ANIONS[symbol][0] for symbol in anions)
    cations = [symbol for symbol in counts if symbol not in anions]
    lowest = sum(counts[symbol] * min(CATIONS[symbol]) for symbol in cations)
    highest = sum(counts[symbol] * max(CATIONS[symbol]) for symbol in cations)
    if lowest == highest:
        return 0.0 if needed == lowest else -1.0
    return (needed - lowest) / (highest - lowest)


def is_molecular(counts: Mapping[str, int]) -> bool:
    """Tell whether a compound of non-metals makes molecules rather than a network."""
    if any(symbol not in MOLECULAR_VOLUMES for symbol in counts):
        return False
    electrons = sum(n * VALENCE_ELECTRONS[symbol] for symbol, n in counts.items())
    return "H" in counts or electrons >= 5 * sum(counts.values())


def element_volume(symbol: str) -> float:
    """Return the volume of an atom in the element's crystal, angstrom^3 (for molecular elements as in a network)."""
    for table in (ELEMENT_VOLUMES, METAL_VOLUMES):
        if symbol in table:
            return table[symbol]
    return _lattice_volume(symbol) or 4 / 3 * pi * covalent_radii[atomic_numbers[symbol]] ** 3 / COVALENT_PACKING


def element_radius(symbol: str) -> float:
    """Return half the distance of neighbours in a close-packed metal, else the covalent radius, angstrom."""
    if symbol in METAL_VOLUMES or (symbol not in NON_METALS and symbol not in METALLOIDS and _lattice_volume(symbol)):
        return (sqrt(2) * element_volume(symbol)) ** (1 / 3) / 2
    return float(covalent_radii[atomic_numbers[symbol]])


def _lattice_volume(symbol: str) -> float | None:
    state: dict[str, Any] = reference_states[atomic_numbers[symbol]] or {}
    a = float(state.get("a", 0.0))
    volumes: dict[str, float] = {
        "sc": a**3,
        "fcc": a**3 / 4,
        "bcc": a**3 / 2,
        "diamond": a**3 / 8,
        "hcp": sqrt(3) / 4 * a**3 * state.get("c/a", 0.0),
    }
    return volumes.get(state.get("symmetry", "")) or None

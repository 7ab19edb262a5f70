"""Recipe: what random structures of a composition are made like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import chain, combinations, combinations_with_replacement
from math import gcd, pi, sqrt
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from ase.formula import Formula

from aiida_polymorph.search.radii import propose_minimum_separations, propose_volume
from aiida_polymorph.structures import composition_formula

DENSEST_PACKING = pi / sqrt(18)
"""Largest fraction of space that equal spheres fill (Kepler), 0.7405."""

FORMULA_UNITS = (2, 3, 4, 6, 8, 9, 12)
SPACE_GROUPS = (1, 230)
OPERATIONS = (1, 48)
SYMMETRY_GENERATORS = ("spglib", "pyxtal")


@dataclass(frozen=True)
class Recipe:
    """How random structures are made; AIRSS's word for the same in brackets.

    Attributes:
        composition: reduced formula, e.g. `TiO2`.
        volume_per_formula_unit: mean volume, angstrom^3 per formula unit [VARVOL, there for the whole cell].
        minimum_separations: angstrom, by pair of species, each pair once in either order, e.g.
            `{"Ti-Ti": 2.6, "Ti-O": 1.6, "O-O": 2.1}` [MINSEP]. Holds for periodic images as well.
        formula_units: formula units in a cell [NFORM]; structure i has number `i % len(formula_units)` of them.
        volume_spread: volumes are uniform within this fraction on either side of the mean [VARVOL=V, +-20 % there].
        cell_length_ratio: smallest and largest length of a cell vector before the cell is scaled to its volume, so
            only the ratio of the two matters.
        cell_angles: smallest and largest angle between the vectors, degrees. The lattice is then described by its
            shortest vectors.
        seed: seed of the search; structure i depends on the recipe and i only.
        symmetry: None for none, a space group number, or the smallest and largest number to draw from [SYMM]. The
            group of a structure is drawn uniformly from those whose sites can hold the atoms, and its cell is the
            group's primitive cell. Lengths, angles and volume are drawn as without symmetry; the group's lattice then
            decides which of them stay free.
        operations: number of operations of the primitive cell's group (the order of the point group), or the smallest
            and largest such number to draw from [SYMMOPS]; None for any. Without `symmetry` it chooses from all groups.
        symmetry_generator: what makes symmetric structures: `spglib`, from spglib's tables of operations, or `pyxtal`,
            through PyXtal, which must be installed; `formula_units` are then those of the conventional cell, and the
            shape of the cell is PyXtal's choice. Only with `symmetry`.

    Raises:
        ValueError: if a value is impossible or the separations can't fit the volume.
    """

    composition: str
    volume_per_formula_unit: float
    minimum_separations: Mapping[str, float]
    formula_units: tuple[int, ...] = FORMULA_UNITS
    volume_spread: float = 0.2
    cell_length_ratio: tuple[float, float] = (0.5, 1.5)
    cell_angles: tuple[float, float] = (60.0, 120.0)
    seed: int = 0
    symmetry: int | tuple[int, int] | None = None
    operations: int | tuple[int, int] | None = None
    symmetry_generator: str = SYMMETRY_GENERATORS[0]

    def __post_init__(self) -> None:
        self._set("composition", normalise_composition(self.composition))
        self._set("minimum_separations", _normalise_separations(self.composition, self.minimum_separations))
        self._set("formula_units", tuple(np.atleast_1d(self.formula_units).tolist()))
        self._set("cell_length_ratio", _interval("cell_length_ratio", self.cell_length_ratio, 0.0, np.inf))
        self._set("cell_angles", _interval("cell_angles", self.cell_angles, 0.0, 180.0))
        self._check_numbers()
        self._check_symmetry()
        self._check_packing()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_numbers(self) -> None:
        counts = self.formula_units
        if not counts or any(not _is_integer(count) or count < 1 for count in counts):
            raise ValueError(f"recipe: formula_units is {list(counts)}, must be whole numbers from 1 up")
        if not (_is_number(self.volume_per_formula_unit) and self.volume_per_formula_unit > 0):
            value = self.volume_per_formula_unit
            raise ValueError(f"recipe: volume_per_formula_unit is {value!r}, must be above 0 angstrom^3")
        if not (_is_number(self.volume_spread) and 0 <= self.volume_spread < 1):
            raise ValueError(f"recipe: volume_spread is {self.volume_spread!r}, must be a fraction from 0 to below 1")
        if not _is_integer(self.seed) or self.seed < 0:
            raise ValueError(f"recipe: seed is {self.seed!r}, must be a whole number from 0 up")
        if self.cell_angles[0] >= 120:
            raise ValueError(
                f"recipe: cell_angles starts at {self.cell_angles[0]}; three angles must allow a cell: < 120"
            )

    def _check_symmetry(self) -> None:
        self._set("operations", _whole_range("operations", self.operations, OPERATIONS, "numbers of operations"))
        everything = None if self.operations is None else SPACE_GROUPS
        symmetry = everything if self.symmetry is None else self.symmetry
        self._set("symmetry", _whole_range("symmetry", symmetry, SPACE_GROUPS, "space group numbers"))
        if self.symmetry_generator not in SYMMETRY_GENERATORS:
            known = " and ".join(SYMMETRY_GENERATORS)
            raise ValueError(f"recipe: symmetry_generator is {self.symmetry_generator!r}; known are {known}")
        if self.symmetry is None and self.symmetry_generator != SYMMETRY_GENERATORS[0]:
            raise ValueError(
                f"recipe: symmetry_generator is {self.symmetry_generator}, but no symmetry is asked for; "
                f"set symmetry, for instance to {SPACE_GROUPS}"
            )

    def _check_packing(self) -> None:
        """Atoms at least d apart are centres of spheres of diameter d that don't overlap: no denser than Kepler's."""
        smallest = self.volume_per_formula_unit * (1 - self.volume_spread)
        symbols = list(self.counts)
        for group in chain.from_iterable(combinations(symbols, k) for k in range(1, len(symbols) + 1)):
            pairs = {pair: d for pair, d in self.minimum_separations.items() if set(pair.split("-")) <= set(group)}
            pair, d = min(pairs.items(), key=lambda item: item[1])
            needed = sum(self.counts[symbol] for symbol in group) * pi / 6 * d**3 / DENSEST_PACKING
            if needed > smallest:
                raise ValueError(
                    f"recipe: the minimum separations don't fit the volume: {' and '.join(group)} at least {d:g} "
                    f"angstrom apart ({pair}) need more than {needed:.1f} angstrom^3 per formula unit, but the volume "
                    f"goes down to {smallest:.1f}; lower the separation or raise volume_per_formula_unit"
                )

    @cached_property
    def counts(self) -> dict[str, int]:
        """Atoms of each element in a formula unit, in the order of the formula."""
        return Formula(self.composition).count()

    @classmethod
    def propose(cls, composition: str, **overrides: Any) -> Recipe:
        """Return a recipe with sensible values from the composition alone.

        Volume and separations come from ionic, metallic or covalent radii (see `radii`); both are starting points
        for pressures of 0 to some 50 GPa, since the relaxation changes the volume. `overrides` are attributes of
        the recipe; separations given for some pairs leave the proposed ones for the others. None means not given.

        Raises:
            ValueError: if the composition can't be read or an override is unknown or impossible.
        """
        composition = normalise_composition(composition)
        given = {name: value for name, value in overrides.items() if value is not None}
        _check_keys({"composition": composition, **given})
        counts = Formula(composition).count()
        separations = {
            **_normalise_separations(composition, propose_minimum_separations(counts)),
            **_normalise_separations(composition, given.pop("minimum_separations", {}), partial=True),
        }
        volume = given.pop("volume_per_formula_unit", round(propose_volume(counts), 1))
        return cls(composition, volume, separations, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return all values, JSON-serialisable; `from_dict` takes them back.

        Without symmetry, what refines it is left out, so that the recipe equals those of earlier versions.
        """
        entries = {**asdict(self), "minimum_separations": dict(self.minimum_separations)}
        if self.symmetry is None:
            del entries["operations"], entries["symmetry_generator"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in entries.items()}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Recipe:
        """Build a recipe from `to_dict`'s values.

        Raises:
            ValueError: if a key is unknown, missing, or its value impossible.
        """
        _check_keys(entries)
        missing = [f.name for f in fields(cls)[:3] if f.name not in entries]
        if missing:
            raise ValueError(f"recipe: {', '.join(missing)} missing")
        return cls(**entries)


def normalise_composition(composition: str) -> str:
    """Return the formula with its elements in the usual order, e.g. `TiO2` for `O2Ti`.

    Raises:
        ValueError: if it can't be read or isn't reduced.
    """
    try:
        counted = Formula(str(composition).strip()).count()
        counts = {atomic_numbers[symbol]: count for symbol, count in counted.items() if count}
    except (ValueError, KeyError) as error:
        raise ValueError(f"composition {composition!r} is not a chemical formula such as TiO2") from error
    if 0 in counts:
        raise ValueError(f"composition {composition!r} holds X, which is no element")
    if not counts:
        raise ValueError("composition is empty; give a chemical formula such as TiO2")
    units = gcd(*counts.values())
    reduced = composition_formula((number, count // units) for number, count in counts.items())
    if units > 1:
        raise ValueError(f"composition {composition!r} is not reduced; write {reduced} and choose formula_units")
    return reduced


def _pairs(composition: str) -> list[str]:
    return [f"{a}-{b}" for a, b in combinations_with_replacement(Formula(composition).count(), 2)]


def _normalise_separations(composition: str, given: Mapping[str, Any], partial: bool = False) -> dict[str, float]:
    pairs = _pairs(composition)
    names = {name: pair for pair in pairs for name in (pair, "-".join(reversed(pair.split("-"))))}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"recipe: minimum_separations holds {', '.join(unknown)}; {composition} has {', '.join(pairs)}"
        )
    separations = {names[name]: value for name, value in given.items()}
    if len(separations) < len(given):
        raise ValueError(f"recipe: minimum_separations names a pair twice: {', '.join(given)}")
    missing = [pair for pair in pairs if pair not in separations]
    if missing and not partial:
        raise ValueError(f"recipe: minimum_separations lacks {', '.join(missing)}")
    for pair, value in separations.items():
        if not (_is_number(value) and value > 0):
            raise ValueError(f"recipe: the minimum separation of {pair} is {value!r}, must be above 0 angstrom")
    return {pair: float(separations[pair]) for pair in pairs if pair in separations}


def _check_keys(entries: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(Recipe)]
    unknown = [name for name in entries if name not in known]
    if unknown:
        raise ValueError(f"recipe: unknown key {', '.join(unknown)}; known are {', '.join(known)}")


def _interval(name: str, values: Any, low: float, high: float) -> tuple[float, float]:
    if np.shape(values) != (2,) or not all(_is_number(value) for value in values):
        raise ValueError(f"recipe: {name} is {values!r}, must be two numbers, smallest and largest")
    if not low < values[0] <= values[1] < high:
        raise ValueError(f"recipe: {name} is {values!r}, must rise and lie between {low:g} and {high:g}")
    return float(values[0]), float(values[1])


def _whole_range(name: str, value: Any, limits: tuple[int, int], what: str) -> int | tuple[int, int] | None:
    """Return a number, the two ends of a range, or None."""
    if value is None:
        return None
    numbers = tuple(np.atleast_1d(np.asarray(value, dtype=object)).tolist())
    if not all(_is_integer(number) for number in numbers) or len(numbers) not in (1, 2):
        raise ValueError(f"recipe: {name} is {value!r}, must be a whole number or the two ends of a range")
    low, high = numbers[0], numbers[-1]
    if not limits[0] <= low <= high <= limits[1]:
        raise ValueError(f"recipe: {name} is {value!r}, {what} go from {limits[0]} to {limits[1]} and must rise")
    return low if len(numbers) == 1 else (low, high)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))

"""Random structures with the symmetry of a space group, through PyXtal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.search.cells import reduce_cell
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.search.separations import Box, push_apart
from aiida_polymorph.search.space_groups import space_group

if TYPE_CHECKING:
    from pyxtal.symmetry import Group


LOOSE = 0.3
"""Fraction of the minimum separations that PyXtal has to keep."""


def pyxtal_structure(
    recipe: Recipe, box: Box, formula_units: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Return positions and conventional cell of a random structure and its space group; None if this attempt fails.

    Raises:
        ValueError: if PyXtal is missing or none of the space groups has sites for so many atoms.
    """
    _require_pyxtal()
    group = _draw_group(recipe, tuple(count * formula_units for count in recipe.counts.values()), rng)
    found = _loose_structure(recipe, group, formula_units, rng)
    if found is None:
        return None
    positions, cell, symmetriser = found
    shortest = reduce_cell(cell)[0]
    pushed = push_apart(positions, cell, box, symmetriser) if shortest @ shortest >= box.own**2 else None
    return None if pushed is None else (pushed, cell, int(group.number))


def _loose_structure(
    recipe: Recipe, group: Group, formula_units: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return positions, cell and the matrix that makes displacements of the n atoms symmetric, shape (3n, 3n).

    Atoms come in the order of the formula and keep only `LOOSE` of their separations: pushing them apart, which keeps
    the symmetry, is far quicker than PyXtal's rejections. The volume is drawn as without symmetry; the shape of the
    cell is drawn by PyXtal within the crystal system.
    """
    from pyxtal.crystal import random_crystal
    from pyxtal.lattice import Lattice
    from pyxtal.tolerance import Tol_matrix

    volume = formula_units * recipe.volume_per_formula_unit * (1 + recipe.volume_spread * rng.uniform(-1, 1))
    separations = [(*pair.split("-"), LOOSE * value) for pair, value in recipe.minimum_separations.items()]
    try:
        crystal = random_crystal(
            group=group,
            species=list(recipe.counts),
            numIons=[count * formula_units for count in recipe.counts.values()],
            lattice=Lattice(group.lattice_type, volume, random_state=rng),
            tm=Tol_matrix(*separations),
            random_state=rng,
        )
    except RuntimeError:
        return None
    if not crystal.valid:
        return None
    cell = np.array(crystal.lattice.matrix, dtype=float)
    sites = [site for symbol in recipe.counts for site in crystal.atom_sites if site.specie == symbol]
    fractional = np.concatenate([site.coords for site in sites])
    symmetriser = _symmetriser(fractional, cell, [op.affine_matrix for op in group[0].ops])
    return None if symmetriser is None else (fractional @ cell, cell, symmetriser)


def _symmetriser(fractional: np.ndarray, cell: np.ndarray, operations: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the mean over the operations of what each does to displacements; None if one leads to no atom."""
    n = len(fractional)
    mean = np.zeros((n, 3, n, 3))
    for operation in operations:
        images = fractional @ operation[:3, :3].T + operation[:3, 3]
        difference = images[:, None] - fractional[None]
        distances = np.linalg.norm((difference - np.rint(difference)) @ cell, axis=2)
        target = distances.argmin(axis=1)
        if distances.min(axis=1).max() > 1e-3 or len(set(target)) < n:
            return None
        mean[target, :, np.arange(n), :] += cell.T @ operation[:3, :3] @ np.linalg.inv(cell).T / len(operations)
    return mean.reshape(3 * n, 3 * n)


def _require_pyxtal() -> None:
    try:
        import pyxtal  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "recipe: symmetry_generator pyxtal needs PyXtal: pip install 'aiida-polymorph[symmetry]'"
        ) from error


def _draw_group(recipe: Recipe, numbers: tuple[int, ...], rng: np.random.Generator) -> Group:
    low, high = np.broadcast_to(np.asarray(recipe.symmetry), 2)
    for number in rng.permutation(np.arange(low, high + 1)):
        if _fits(int(number), recipe.operations) and _has_sites(int(number), numbers):
            return _group(int(number))
    atoms = " and ".join(f"{count} {symbol}" for symbol, count in zip(recipe.counts, numbers, strict=True))
    raise ValueError(
        f"recipe: symmetry {recipe.symmetry}: no such space group has sites for {atoms} in its conventional cell; "
        "choose other formula_units or space groups"
    )


def _fits(number: int, operations: int | tuple[int, int] | None) -> bool:
    least, most = (0, np.inf) if operations is None else np.broadcast_to(operations, 2).tolist()
    return bool(least <= space_group(number).order <= most)


@lru_cache(maxsize=230)
def _group(number: int) -> Group:
    from pyxtal.symmetry import Group

    return Group(number)


@lru_cache(maxsize=4096)
def _has_sites(number: int, numbers: tuple[int, ...]) -> bool:
    return bool(_group(number).check_compatible(list(numbers))[0])

"""Fingerprints: one unit vector a structure, averaged from the SOAP vectors of its atoms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers

from aiida_polymorph.parallel import worker_map
from aiida_polymorph.structures import StructureSet

if TYPE_CHECKING:
    from dscribe.descriptors import SOAP

AVERAGES = ("species", "all")
CHUNK = 100
"""Structures that a process takes at a time."""


@dataclass(frozen=True)
class FingerprintSettings:
    """Settings of the fingerprint; the defaults are the published ones with cross terms and an average per species.

    Attributes:
        cutoff: radius of an atom's neighbourhood, angstrom, above 1.
        n_max: radial basis functions (Gaussian-type orbitals).
        l_max: highest degree of the spherical harmonics.
        sigma: width of the Gaussian put on each neighbour, angstrom.
        cross_terms: keep the power spectrum between different neighbour species.
        average: `species`: the average is taken over the centres of each species apart, and the averages are
            concatenated; `all`: over all centres.

    Raises:
        ValueError: naming the setting that is out of range.
    """

    cutoff: float = 4.0
    n_max: int = 6
    l_max: int = 6
    sigma: float = 0.5
    cross_terms: bool = True
    average: str = "species"

    def __post_init__(self) -> None:
        if not self.cutoff > 1:
            raise ValueError(f"fingerprint cutoff is {self.cutoff}, must be above 1 angstrom")
        if not self.sigma > 0:
            raise ValueError(f"fingerprint sigma is {self.sigma}, must be above 0 angstrom")
        if self.n_max < 1 or not 0 <= self.l_max <= 20:
            raise ValueError(f"fingerprint n_max is {self.n_max} and l_max {self.l_max}, must be >= 1 and 0 to 20")
        if self.average not in AVERAGES:
            raise ValueError(f"fingerprint average is {self.average!r}, must be one of {', '.join(AVERAGES)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> FingerprintSettings:
        """Build settings from plain values; what is left out keeps its default.

        Raises:
            ValueError: if a key is unknown or a value out of range.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = sorted(set(entries) - set(known))
        if unknown:
            raise ValueError(f"fingerprint settings: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        return cls(**entries)


def usable(structures: StructureSet) -> np.ndarray:
    """Return which structures may be analysed: finite geometry, not marked as unconverged, no enthalpy of nan.

    A set without a column `converged` counts as converged, and one without `enthalpy` as imported without it.

    Returns:
        Boolean mask, shape (n,).
    """
    finite = np.isfinite(structures.cells).all(axis=(1, 2)) & (structures.lengths > 0)
    broken_atoms = ~np.isfinite(structures.positions).all(axis=1)
    owner = np.repeat(np.arange(len(structures)), structures.lengths)
    finite[owner[broken_atoms]] = False
    known = np.isfinite(structures.column("enthalpy", 0.0))
    return finite & known & structures.column("converged", True).astype(bool)


def compute_fingerprints(
    structures: StructureSet,
    settings: FingerprintSettings | None = None,
    processes: int = 1,
    species: Sequence[str] | None = None,
    dtype: type = np.float64,
) -> np.ndarray:
    """Return a unit vector for each structure, so that F F^T is the normalised average kernel.

    The SOAP power spectra of the atoms are averaged as they are (not normalised atom by atom), for each centre
    species apart or over all atoms; the averages of the species are concatenated with equal weight, whatever the
    stoichiometry, and the whole is scaled to length 1 (arXiv:1909.08934, equations 1 and 2). The fingerprint does
    not depend on the choice of cell, its orientation or the order of the atoms. A structure and its mirror image
    have the same fingerprint: SOAP can't tell them apart.

    Args:
        structures: n structures with finite geometry (see `usable`).
        settings: the published ones with cross terms by default.
        processes: how many processes share the work.
        species: elements that span the fingerprint; those that occur in the set by default. Give the species of
            the first set for fingerprints of another that are to be compared with it.
        dtype: of the result; computed in double precision in any case.

    Returns:
        Unit rows, shape (n, d).

    Raises:
        ValueError: if there are no structures, one has no finite geometry, or one holds an element not in species.
    """
    settings = settings or FingerprintSettings()
    symbols = tuple(structures.species if species is None else sorted(species, key=atomic_numbers.__getitem__))
    _check(structures, symbols)
    parts = (structures.select(range(i, min(i + CHUNK, len(structures)))) for i in range(0, len(structures), CHUNK))
    soap = _soap(settings, symbols)
    features: np.ndarray = np.empty((0, 0), dtype=dtype)
    with worker_map(min(processes, -(-len(structures) // CHUNK))) as imap:
        for i, rows in enumerate(imap(partial(_unit_averages, soap=soap, settings=settings, species=symbols), parts)):
            if i == 0:
                features = np.empty((len(structures), rows.shape[1]), dtype=dtype)
            features[i * CHUNK : i * CHUNK + len(rows)] = rows
    return features


def local_fingerprints(
    structures: StructureSet, settings: FingerprintSettings, species: Sequence[str]
) -> Iterator[np.ndarray]:
    """Yield the SOAP vectors of each structure's atoms, an array of shape (atoms, d), not normalised.

    DScribe misses neighbours of atoms that lie outside the cell; so they are wrapped into it first.
    """
    return _local(structures, _soap(settings, species))


def _local(structures: StructureSet, soap: SOAP) -> Iterator[np.ndarray]:
    return (np.asarray(soap.create_single(atoms)) for atoms in _wrapped(structures))


def _wrapped(structures: StructureSet) -> StructureSet:
    cells = np.repeat(structures.cells, structures.lengths, axis=0)
    fractions = np.linalg.solve(np.swapaxes(cells, 1, 2), structures.positions[:, :, None])[:, :, 0]
    return replace(structures, positions=np.einsum("ni,nij->nj", fractions - np.floor(fractions), cells))


def _soap(settings: FingerprintSettings, species: Sequence[str]) -> SOAP:
    from dscribe.descriptors import SOAP

    return SOAP(
        species=list(species),
        r_cut=settings.cutoff,
        n_max=settings.n_max,
        l_max=settings.l_max,
        sigma=settings.sigma,
        periodic=True,
        compression={"mode": "off" if settings.cross_terms else "crossover"},
    )


def _unit_averages(
    structures: StructureSet, soap: SOAP, settings: FingerprintSettings, species: Sequence[str]
) -> np.ndarray:
    local = _local(structures, soap)
    if settings.average == "all":
        averages = [vectors.mean(axis=0) for vectors in local]
    else:
        bounds = zip(structures.offsets, structures.offsets[1:], strict=False)
        centres = np.array([atomic_numbers[symbol] for symbol in species])
        averages = []
        for vectors, (start, end) in zip(local, bounds, strict=True):
            member = (structures.numbers[start:end] == centres[:, None]).astype(float)
            averages.append(((member / np.maximum(member.sum(axis=1, keepdims=True), 1)) @ vectors).ravel())
    rows = np.array(averages)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _check(structures: StructureSet, species: Sequence[str]) -> None:
    if len(structures) == 0:
        raise ValueError("no structures to compute fingerprints of: the set is empty or none of it is usable")
    if not (np.isfinite(structures.positions).all() and np.isfinite(structures.cells).all()):
        raise ValueError("positions or cells are not finite; leave out failed structures first (fingerprints.usable)")
    foreign = [symbol for symbol in structures.species if symbol not in species]
    if foreign:
        raise ValueError(f"structures hold {', '.join(foreign)}, the fingerprints are made for {', '.join(species)}")

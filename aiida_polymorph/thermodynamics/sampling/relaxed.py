"""Whether a crystal that was relaxed at 0 K is still the same crystal."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from aiida_polymorph.symmetry import space_group

LARGEST_RELAXATION = 1.0
"""Atoms that move farther than this (angstrom, root mean square) when relaxed at 0 K are in another structure."""

SYMMETRIC_RELAXATION = 0.2
"""As far they may move where the space group becomes another one."""

SYMPREC = 0.05
"""angstrom, for that space group."""


def relaxation_reason(before: Atoms, after: Atoms) -> str:
    """Return why a crystal relaxed at 0 K is not the one before any more, "" if it is."""
    moved = after.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)
    moved = (moved - np.rint(moved)) @ np.asarray(after.cell)
    moved -= moved.mean(axis=0)
    distance = float(np.sqrt(np.mean(np.sum(moved**2, axis=1))))
    text = f"unstable from the first step: relaxed at 0 K, its atoms move by {distance:.2f} angstrom"
    if not np.isfinite(distance) or distance > LARGEST_RELAXATION:
        return text
    if distance > SYMMETRIC_RELAXATION:
        groups = [space_group(each, SYMPREC) or "P1" for each in (before, after)]
        return f"{text}, {groups[0]} becomes {groups[1]}" if groups[0] != groups[1] else ""
    return ""

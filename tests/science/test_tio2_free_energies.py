"""Gibbs energies of twelve TiO2 phases, as `examples/tio2_free_energies/run.sh` made them, beside the published ones.

The published ones are known to lie 0.10 (pyrite) to 0.34 (brookite) above the harmonic limit at 0 GPa.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from aiida_polymorph.units import KCAL_PER_MOL

ROOT = Path(__file__).parents[2]
OURS = ROOT / "examples" / "tio2_free_energies" / "gibbs-energies.csv"
ABSOLUTE, DIFFERENCE = 0.35, 0.2
"""kcal/mol per TiO2."""


def ours() -> dict[tuple[str, float], tuple[float, float]]:
    """Gibbs energy and error at 700 K by phase and pressure, kcal/mol."""
    with OURS.open() as file:
        rows = [row for row in csv.DictReader(file) if row["temperature_k"] == "700" and not row["reason"]]
    return {
        (row["name"], float(row["pressure_gpa"])): (
            float(row["gibbs_energy_ev_per_formula_unit"]) / KCAL_PER_MOL,
            float(row["error_ev_per_formula_unit"]) / KCAL_PER_MOL,
        )
        for row in rows
    }


@pytest.fixture(scope="module")
def offsets(reference_folder):
    """What the published value lies above ours, by phase and pressure."""
    header, *lines = (reference_folder / "tio2" / "chemical-potential-700K.dat").read_text().split("\n")
    numbers = np.array([[float(each) for each in line.split()] for line in lines if line.strip()])
    names = [name.removeprefix("newphase-") for name in header.split()[1:]]
    found = {}
    for (name, pressure), (value, _) in ours().items():
        row = numbers[np.isclose(numbers[:, 0], pressure)]
        published = row[0, 1 + names.index(name)]
        if np.isfinite(published):
            found[name, pressure] = published - value
    return found


def test_absolute_values(offsets):
    assert len({name for name, _ in offsets}) >= 12
    assert max(abs(offset) for offset in offsets.values()) < ABSOLUTE


def test_differences_between_phases(offsets):
    means = {name: np.mean([offset for (phase, _), offset in offsets.items() if phase == name]) for name, _ in offsets}
    for one, first in means.items():
        for other, second in means.items():
            assert abs(first - second) < DIFFERENCE, (one, other)


def test_errors_are_as_small_as_asked_for():
    errors = np.array([error for _, error in ours().values()])
    assert errors.max() < 0.1
    assert np.median(errors) < 0.05

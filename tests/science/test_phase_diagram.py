"""Phase diagrams against crossings known analytically."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials
from aiida_polymorph.thermodynamics.diagrams.diagram import neighbours, undecided
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import (
    coexistence_at_pressure,
    coexistence_at_temperature,
    coexistence_lines,
    is_stable,
    phase_diagram,
    usual_grid,
)
from aiida_polymorph.units import GPA, KB

VOLUMES, ENTHALPIES, ENTROPIES = np.array([30.0, 28.0, 29.5]), np.array([0.0, 0.25, 0.12]), np.array([0.0, -0.5, 0.6])


@pytest.fixture
def potentials() -> ChemicalPotentials:
    """Three incompressible phases, so that all crossings are straight lines."""
    pressures = np.array([0.0, 20.0, 40.0])
    return ChemicalPotentials(
        names=("low", "high", "hot"),
        pressures_gpa=pressures,
        enthalpy=ENTHALPIES[:, None] + VOLUMES[:, None] * pressures * GPA,
        enthalpy_error=np.full((3, 3), 0.003),
        entropy=np.repeat(ENTROPIES[:, None], 3, axis=1),
        entropy_covariance=np.repeat(0.05**2 * np.eye(3)[None], 3, axis=0),
        volume=np.repeat(VOLUMES[:, None], 3, axis=1),
        method=np.full((3, 3), "basin"),
    )


def crossing_pressure(i, j, temperature):
    dh, ds, dv = (x[j] - x[i] for x in (ENTHALPIES, ENTROPIES, VOLUMES))
    return -(dh - KB * temperature * ds) / (dv * GPA)


PRESSURES, TEMPERATURES = np.linspace(0, 40, 33), np.linspace(0, 2400, 33)


@pytest.mark.parametrize("temperature", [0.0, 300.0, 1500.0])
def test_crossing_at_a_temperature(potentials, temperature):
    (point,) = coexistence_at_temperature(potentials, "low", "high", temperature, PRESSURES)
    assert point.pressure_gpa == pytest.approx(crossing_pressure(0, 1, temperature), abs=1e-6)
    assert (point.volume_difference, point.entropy_difference) == pytest.approx((-2.0, -0.5), abs=1e-6)


def test_crossing_at_a_pressure_lies_on_the_same_line(potentials):
    point = coexistence_at_pressure(potentials, "low", "hot", 3.0)
    assert crossing_pressure(0, 2, point.temperature) == pytest.approx(3.0, abs=1e-9)


def test_errors_are_those_of_the_difference_over_volume_and_entropy(potentials):
    (point,) = coexistence_at_temperature(potentials, "low", "high", 1000.0, np.array([0.0, 20.0, 40.0]))
    fraction = point.pressure_gpa / 20 - 1
    weights = np.array([1 - fraction, fraction])
    variance = 2 * 0.003**2 + 2 * (KB * 1000 * 0.05) ** 2 * (weights**2).sum()
    assert point.error_gpa == pytest.approx(np.sqrt(variance) / (2.0 * GPA), rel=1e-6)
    assert point.error_k == pytest.approx(np.sqrt(variance) / (0.5 * KB), rel=1e-6)


def test_slope_is_that_of_clausius_and_clapeyron_and_of_the_line(potentials):
    points = [coexistence_at_temperature(potentials, "low", "high", t, PRESSURES)[0] for t in (900.0, 1000.0, 1100.0)]
    rise = (points[2].pressure_gpa - points[0].pressure_gpa) / 200.0
    assert points[1].slope == pytest.approx(rise, rel=1e-5)
    assert points[1].slope == pytest.approx(0.5 * KB / (2.0 * GPA), rel=1e-6)


def test_phases_that_never_meet(potentials):
    assert coexistence_at_temperature(potentials, "low", "hot", 0.0, np.array([0.0, 20.0])) == []
    assert coexistence_at_pressure(potentials, "low", "hot", 40.0) is None


def test_diagram_shows_the_lowest_phase_everywhere(potentials):
    diagram = phase_diagram(potentials, TEMPERATURES, PRESSURES, samples=200)
    mu = ENTHALPIES + VOLUMES * PRESSURES[None, :, None] * GPA - KB * TEMPERATURES[:, None, None] * ENTROPIES
    assert (diagram.stable == mu.argmin(axis=2)).all()
    assert {line.phases for line in diagram.lines} == {("low", "high"), ("low", "hot"), ("hot", "high")}


def test_lines_meet_in_the_triple_point(potentials):
    diagram = phase_diagram(potentials, TEMPERATURES, PRESSURES, samples=10)
    matrix = np.array([[(VOLUMES[0] - VOLUMES[k]) * GPA, -KB * (ENTROPIES[0] - ENTROPIES[k])] for k in (1, 2)])
    pressure, temperature = np.linalg.solve(matrix, ENTHALPIES[1:] - ENTHALPIES[0])
    for line in diagram.lines:
        near = np.abs(line.pressures_gpa - pressure).argmin()
        assert line.pressures_gpa[near] == pytest.approx(pressure, abs=1e-3)
        assert line.temperatures[near] == pytest.approx(temperature, abs=0.5)


def test_lines_begin_cold_and_are_named_by_their_volumes(potentials):
    for line in phase_diagram(potentials, TEMPERATURES, PRESSURES, samples=10).lines:
        assert line.temperatures[0] == min(line.temperatures)
        assert line.points[0].volume_difference < 0
        i, j = (potentials.names.index(name) for name in line.phases)
        middle = line.points[len(line.points) // 2]
        assert middle.pressure_gpa == pytest.approx(crossing_pressure(i, j, middle.temperature), abs=1e-4)
        assert middle.slope == pytest.approx(middle.entropy_difference * KB / (middle.volume_difference * GPA))


def test_how_near_each_phase_comes_to_being_stable(potentials):
    diagram = phase_diagram(potentials, TEMPERATURES[:5], PRESSURES, samples=10)
    mu = ENTHALPIES + VOLUMES * PRESSURES[None, :, None] * GPA - KB * TEMPERATURES[:5, None, None] * ENTROPIES
    assert diagram.above_stable == pytest.approx((mu - mu.min(axis=2, keepdims=True)).min(axis=(0, 1)))
    assert [diagram.fate(name) for name in diagram.names] == ["stable", "stable", "metastable"]
    assert diagram.known.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="'cold' is not among low, high, hot"):
        diagram.fate("cold")


def test_what_is_undecided(potentials):
    diagram = phase_diagram(potentials, TEMPERATURES, PRESSURES, samples=10)
    assert undecided(diagram, 100.0) == []
    errors = {line.phases: line.errors_gpa for line in diagram.lines}
    found = undecided(diagram, 0.5)
    assert {(each.first, each.second) for each in found} == {names for names, e in errors.items() if e.max() > 0.5}
    for each in found:
        assert each.error_gpa == errors[each.first, each.second].max()
        assert "larger than 0.5 GPa" in each.reason
    with pytest.raises(ValueError, match="must be positive"):
        undecided(diagram, 0.0)


def test_the_usual_grid(potentials):
    temperatures, pressures = usual_grid(potentials)
    assert (temperatures[0], temperatures[-1], pressures[0], pressures[-1]) == (0.0, 2000.0, 0.0, 40.0)
    assert len(temperatures) == len(pressures) == 61


def test_line_leaves_out_what_a_third_phase_covers(potentials):
    (line,) = coexistence_lines(potentials, "low", "high", TEMPERATURES, PRESSURES)
    assert line.stable
    assert all(is_stable(potentials, "low", "high", point) for point in line.points)
    assert line.temperatures.max() < 2000
    beyond = coexistence_at_temperature(potentials, "low", "high", 2300.0, PRESSURES)
    assert [is_stable(potentials, "low", "high", point) for point in beyond] == [False]


def test_probability_is_half_on_a_line_and_near_one_far_away(potentials):
    pressure = crossing_pressure(0, 1, 600.0)
    diagram = phase_diagram(potentials, np.array([600.0, 601.0]), np.array([0.0, pressure]), samples=4000)
    assert diagram.probability[0, 1] == pytest.approx(0.5, abs=0.05)
    assert diagram.probability[0, 0] > 0.97


def test_nowhere_known_is_marked():
    unknown = ChemicalPotentials(
        ("a",), np.array([0.0]), *(np.full((1, 1), np.nan) for _ in range(3)), np.zeros((1, 1, 1)),
        np.full((1, 1), np.nan), np.full((1, 1), "absent"),
    )  # fmt: skip
    diagram = phase_diagram(unknown, np.array([0.0, 300.0]), np.array([0.0, 5.0]))
    assert (diagram.stable == -1).all()
    assert np.isnan(diagram.probability).all()
    assert diagram.lines == ()
    assert diagram.fate("a") == "unknown"
    assert diagram.fate("a", lost=True) == "not metastable"
    (part,) = undecided(diagram, 0.5)
    assert part.reason == "no phase has a value at 4 of 4 state points"
    assert (part.temperatures, part.pressures_gpa, part.error_gpa) == ((0.0, 300.0), (0.0, 5.0), None)


def test_neighbours_of_a_grid():
    assert neighbours(np.array([[0, 0, 2], [1, 1, 2], [-1, -1, -1]])) == [(0, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize(
    ("temperatures", "pressures", "message"),
    [
        ([300.0], [0.0, 1.0], "temperatures must be"),
        ([0.0, 1.0], [1.0, 0.0], "pressures must be"),
        ([-5.0, 1.0], [0.0, 1.0], "negative"),
    ],
)
def test_bad_grids_are_named(potentials, temperatures, pressures, message):
    with pytest.raises(ValueError, match=message):
        phase_diagram(potentials, np.array(temperatures), np.array(pressures))


def test_unknown_phase_is_named(potentials):
    with pytest.raises(ValueError, match="'brookite' is not among low, high, hot"):
        coexistence_at_pressure(potentials, "low", "brookite", 1.0)

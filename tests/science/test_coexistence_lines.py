"""Coexistence lines of model phases whose Gibbs energies are known in closed form."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq

from aiida_polymorph.thermodynamics.diagrams.coexistence import all_lines, coexistence
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint, triple_points
from aiida_polymorph.thermodynamics.diagrams.sources import SourceEnergies, best_sources, merged
from aiida_polymorph.thermodynamics.diagrams.surface_diagram import stable_phases, surface_diagram, usual_grid
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints, fit_surface, phase_points
from aiida_polymorph.units import GPA, KB

TEMPERATURES = (700.0, 1000.0, 1300.0, 1600.0)
ATOMS = 3


@dataclass(frozen=True)
class Solid:
    """A Murnaghan solid whose atoms are Einstein oscillators, stiffer under pressure (Grueneisen): all in closed form.

    G = E + V0 B / (B' - 1) (x^(1 - 1/B') - 1) - 3/2 N kT ln(2 pi kT / k), k = k0 x^(2 gamma / B'), x = 1 + B' P / B,
    per formula unit of N atoms and for a thermal wavelength of 1 angstrom.
    """

    energy: float
    volume: float
    stiffness: float = 12.0
    modulus: float = 220.0
    slope: float = 4.5
    grueneisen: float = 1.5

    def _x(self, p):
        return 1 + self.slope * p / self.modulus

    def gibbs(self, t, p):
        static = self.volume * self.modulus * GPA / (self.slope - 1) * (self._x(p) ** (1 - 1 / self.slope) - 1)
        springs = self.stiffness * self._x(p) ** (2 * self.grueneisen / self.slope)
        return self.energy + static - 1.5 * ATOMS * KB * t * np.log(2 * np.pi * KB * t / springs)

    def minus_entropy(self, t, p):
        springs = self.stiffness * self._x(p) ** (2 * self.grueneisen / self.slope)
        return -1.5 * ATOMS * KB * (np.log(2 * np.pi * KB * t / springs) + 1)

    def dv(self, t, p):
        thermal = 3 * ATOMS * KB * t * self.grueneisen / self.modulus / self._x(p) / GPA
        return self.volume * self._x(p) ** (-1 / self.slope) + thermal

    def points(self, pressures, temperatures=TEMPERATURES, error=1e-3):
        t, p = np.array(list(product(temperatures, pressures))).T
        g = self.gibbs(t, p)
        return PhasePoints(t, p, g, np.full_like(t, error), g - t * self.minus_entropy(t, p), self.dv(t, p))

    def surface(self, name, pressures, temperatures=TEMPERATURES, error=1e-3):
        return fit_surface(name, self.points(pressures, temperatures, error))


LIGHT, DENSE = Solid(-38.00, 32.0), Solid(-37.96, 31.0, stiffness=13.5)
DENSEST = Solid(-37.55, 29.0, stiffness=15.0)
LOW, HIGH = (0.0, 5.0, 10.0, 15.0, 20.0), (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)


def exact(one, other, t, low=0.0, high=70.0):
    return brentq(lambda p: one.gibbs(t, p) - other.gibbs(t, p), low, high, xtol=1e-12)


def lines(one, other, **more):
    return coexistence(one, other, **more).lines


def test_the_model_is_consistent():
    t, p, d = 900.0, 12.0, 1e-3
    assert (LIGHT.gibbs(t + d, p) - LIGHT.gibbs(t - d, p)) / (2 * d) == pytest.approx(LIGHT.minus_entropy(t, p))
    assert (LIGHT.gibbs(t, p + d) - LIGHT.gibbs(t, p - d)) / (2 * d * GPA) == pytest.approx(LIGHT.dv(t, p))


@pytest.mark.parametrize(("one", "other", "deviation"), [(LOW, HIGH, 2e-4), ((0, 10, 20), (0, 20, 40, 60, 70), 2e-3)])
def test_a_surface_of_grids_as_coarse_as_real_ones(one, other, deviation):
    """Better than what the surface says of itself, and than an error of molecular dynamics, which is 1e-3 eV."""
    for solid, pressures in ((LIGHT, one), (DENSE, other)):
        surface = solid.surface("solid", pressures)
        t, p = np.meshgrid(np.linspace(700, 1600, 31), np.linspace(pressures[0], pressures[-1], 61))
        found = surface.evaluate(t, p)
        worst = np.abs(found.gibbs_energy - solid.gibbs(t, p)).max()
        assert worst < deviation
        assert worst < 5 * (surface.interpolation + surface.misfit.gibbs_energy)
        assert np.abs(found.volume - solid.dv(t, p)).max() < 0.02
        assert np.abs(found.entropy + solid.minus_entropy(t, p)).max() < 0.02 * KB


def test_the_line_is_where_it_should_be():
    (line,) = lines(LIGHT.surface("light", LOW), DENSE.surface("dense", HIGH))
    assert (line.first, line.second, line.stable) == ("light", "dense", True)
    assert [point.temperature for point in line.points] == sorted(point.temperature for point in line.points)
    assert set(TEMPERATURES) <= {point.temperature for point in line.points}
    for point in line.points:
        t = point.temperature
        p = exact(LIGHT, DENSE, t)
        ds, dv = LIGHT.minus_entropy(t, p) - DENSE.minus_entropy(t, p), DENSE.dv(t, p) - LIGHT.dv(t, p)
        assert point.pressure_gpa == pytest.approx(p, abs=0.02)
        assert point.entropy_difference == pytest.approx(ds / KB, abs=0.01)
        assert point.volume_difference == pytest.approx(dv, abs=0.01)
        assert point.slope == pytest.approx(ds / (dv * GPA), rel=0.02)
        assert point.error_gpa == pytest.approx(np.sqrt(2) * 1e-3 / abs(dv) / GPA, rel=0.1)


def test_the_slope_is_that_of_the_line():
    (line,) = lines(LIGHT.surface("light", LOW), DENSE.surface("dense", HIGH))
    t, p, slope = np.array([(each.temperature, each.pressure_gpa, each.slope) for each in line.points]).T
    assert np.diff(p) / np.diff(t) == pytest.approx((slope[1:] + slope[:-1]) / 2, rel=2e-3)


def test_phases_exchanged_are_the_same_line():
    light, dense = LIGHT.surface("light", LOW), DENSE.surface("dense", HIGH)
    (one,), (other,) = lines(light, dense), lines(dense, light)
    assert (one.first, one.second) == (other.first, other.second)
    assert one.points[0].pressure_gpa == pytest.approx(other.points[0].pressure_gpa)
    assert one.points[0].volume_difference == pytest.approx(other.points[0].volume_difference)


def test_both_conventions_give_the_same_line():
    """Elements' own wavelengths add the same to all phases: to G, and kinetic energy to H."""

    def surfaces(convention):
        for name, solid, pressures in (("light", LIGHT, LOW), ("dense", DENSE, HIGH)):
            points = solid.points(pressures)
            t = points.temperatures
            wavelength = 1.5 * ATOMS * KB * t * np.log(500 / t) if convention == "mass" else 0 * t
            columns = (t, points.pressures_gpa, points.gibbs_energy + wavelength, points.error)
            rows = zip(*columns, points.enthalpy, points.volume, strict=True)
            names = ("temperature_k", "pressure_gpa", "gibbs_energy", "error", "configurational_enthalpy", "volume")
            yield fit_surface(
                name, phase_points([dict(zip(names, row, strict=True)) for row in rows], convention, ATOMS)
            )

    (unit,), (mass,) = (lines(*surfaces(convention)) for convention in ("unit", "mass"))
    for one, other in zip((unit.points[0], unit.points[-1]), (mass.points[0], mass.points[-1]), strict=True):
        assert one.temperature == pytest.approx(other.temperature)
        assert one.pressure_gpa == pytest.approx(other.pressure_gpa, abs=1e-3)
        assert one.entropy_difference == pytest.approx(other.entropy_difference, abs=1e-3)


# --- ranges ----------------------------------------------------------------------------------------------------------


def test_no_crossing():
    found = coexistence(LIGHT.surface("light", LOW), replace(LIGHT, energy=-37.0).surface("high", LOW))
    assert (found.lines, found.lower) == ((), "light")
    assert found.nearest == pytest.approx(1.0)
    assert "light is lower than high wherever both have values, by 1.0000 eV" in found.verdict


def test_nothing_in_common():
    for pressures in ((30.0, 40.0), (7.0, 8.0)):
        half_known = LIGHT.points((0.0, 20.0), (700.0,)) if pressures[0] < 20 else LIGHT.points((0.0, 20.0))
        cut = fit_surface("light", half_known)
        other = DENSE.surface("dense", pressures, (1000.0, 1300.0))
        found = coexistence(cut, other)
        assert (found.lines, found.lower) == ((), "")
        assert "no temperature and pressure in common" in found.verdict


def test_two_crossings_in_pressure():
    """A softer phase of larger volume is more stable at low and, compressed more easily, at high pressure."""
    soft, hard = Solid(-38.0, 30.3, modulus=120.0), Solid(-37.99, 30.0, modulus=200.0)
    soft_g, hard_g = (solid.gibbs(1000.0, np.linspace(0, 50, 501)) for solid in (soft, hard))
    expected = np.linspace(0, 50, 501)[np.flatnonzero(np.diff(np.sign(hard_g - soft_g)))]
    found = lines(soft.surface("soft", HIGH), hard.surface("hard", HIGH))
    at_1000 = sorted(p.pressure_gpa for line in found for p in line.points if p.temperature == 1000.0)
    assert len(expected) == len(at_1000) > 0
    assert at_1000 == pytest.approx(expected, abs=0.2)


def test_a_line_ends_where_a_phase_does():
    """The dense phase melts between 1000 and 1300 K: nothing is said beyond 1000 K."""
    points = DENSE.points(HIGH)
    kept = points.temperatures < 1100
    dense = fit_surface("dense", PhasePoints(*(getattr(points, name)[kept] for name in points.__dataclass_fields__)))
    (line,) = lines(LIGHT.surface("light", LOW), dense)
    assert (line.points[0].temperature, line.points[-1].temperature) == pytest.approx((700.0, 1000.0))
    assert np.isnan(dense.evaluate(1001.0, 10.0).gibbs_energy)
    assert np.isnan(dense.error(1001.0, 10.0))


def test_a_hole_in_the_grid_is_not_bridged():
    points = LIGHT.points((0.0, 10.0, 20.0))
    kept = ~((points.pressures_gpa == 10.0) & (points.temperatures > 1100))
    surface = fit_surface("light", PhasePoints(*(getattr(points, name)[kept] for name in points.__dataclass_fields__)))
    known = np.isfinite(surface.evaluate([900.0, 1000.0, 1001.0, 1300.0, 1300.0], [5.0, 5.0, 5.0, 0.0, 5.0]).volume)
    assert known.tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("pressures", [(0.0, 20.0), (0.0, 20.0, 40.0)])
@pytest.mark.parametrize("temperatures", [(700.0, 1000.0), (700.0, 1000.0, 1300.0)])
@pytest.mark.parametrize("pattern", ["corner", "first isotherm only and one point"])
def test_points_with_holes_bend_no_surface_between_them(pressures, temperatures, pattern):
    """What few points leave open is no reason for a large entropy: one of 115 kB came of a corner that was missing."""
    points = DENSE.points(pressures, temperatures)
    hottest, lowest = points.temperatures == temperatures[-1], points.pressures_gpa == pressures[0]
    kept = {
        "corner": ~(hottest & lowest),
        "first isotherm only and one point": (points.temperatures == 700.0)
        | (hottest & (points.pressures_gpa == pressures[-1])),
    }[pattern]
    surface = fit_surface("dense", PhasePoints(*(getattr(points, name)[kept] for name in points.__dataclass_fields__)))
    t, p = np.meshgrid(np.linspace(700, temperatures[-1], 21), np.linspace(0, pressures[-1], 21))
    found = surface.evaluate(t, p)
    known = np.isfinite(found.gibbs_energy)
    assert known.any()
    assert np.abs(found.gibbs_energy - DENSE.gibbs(t, p))[known].max() < 0.03
    assert np.abs(found.entropy + DENSE.minus_entropy(t, p))[known].max() < 0.5 * KB
    assert np.abs(found.volume - DENSE.dv(t, p))[known].max() < 0.5


def test_a_line_that_leaves_at_the_highest_pressure():
    p = exact(LIGHT, DENSE, 1150.0)
    edge = sorted((0.0, 5.0, p))
    (line,) = lines(LIGHT.surface("light", edge), DENSE.surface("dense", HIGH))
    ends = {(round(point.temperature), round(point.pressure_gpa, 2)) for point in (line.points[0], line.points[-1])}
    assert any(abs(t - 1150) < 3 and value == round(p, 2) for t, value in ends)
    assert all(point.pressure_gpa <= p + 1e-9 for point in line.points)


def test_an_upright_line():
    """Equal volumes: the phases coexist at one temperature for all pressures; the slope is endless."""
    one = Solid(-38.0, 30.0)
    other = Solid(-38.0 + 1.5 * ATOMS * KB * 1100.0 * np.log(12.0 / 10.0), 30.0, stiffness=10.0)
    (line,) = lines(one.surface("stiff", HIGH), other.surface("loose", HIGH))
    assert {round(point.temperature) for point in line.points} == {1100}
    ends = sorted(point.pressure_gpa for point in (line.points[0], line.points[-1]))
    assert ends == pytest.approx([0.0, 50.0], abs=1e-9)
    assert min(abs(point.slope) for point in line.points) > 1.0


def test_one_temperature_gives_one_point():
    surfaces = LIGHT.surface("light", LOW, (700.0,)), DENSE.surface("dense", HIGH, (700.0,))
    (line,) = lines(*surfaces)
    (point,) = line.points
    p = exact(LIGHT, DENSE, 700.0)
    assert point.pressure_gpa == pytest.approx(p, abs=0.02)
    ds = LIGHT.minus_entropy(700.0, p) - DENSE.minus_entropy(700.0, p)
    assert point.slope == pytest.approx(ds / (DENSE.dv(700.0, p) - LIGHT.dv(700.0, p)) / GPA, rel=0.05)


def test_one_pressure_gives_one_point():
    p = exact(LIGHT, DENSE, 1100.0)
    (line,) = lines(LIGHT.surface("light", (p,)), DENSE.surface("dense", (p,)))
    (point,) = line.points
    assert point.temperature == pytest.approx(1100.0, abs=5.0)
    ds = LIGHT.minus_entropy(1100.0, p) - DENSE.minus_entropy(1100.0, p)
    assert point.slope == pytest.approx(ds / (DENSE.dv(1100.0, p) - LIGHT.dv(1100.0, p)) / GPA, rel=0.05)


# --- many phases -----------------------------------------------------------------------------------------------------


def triple():
    return [
        LIGHT.surface("light", HIGH),
        DENSE.surface("dense", HIGH),
        DENSEST.surface("densest", HIGH),
    ]


def test_stable_phases():
    temperatures, pressures = np.linspace(700, 1600, 10), np.linspace(0, 50, 26)
    found = stable_phases(triple(), temperatures, pressures)
    t, p = np.meshgrid(temperatures, pressures, indexing="ij")
    energies = np.array([solid.gibbs(t, p) for solid in (LIGHT, DENSE, DENSEST)])
    gap = np.diff(np.sort(energies, axis=0)[:2], axis=0)[0]
    assert np.all((found == energies.argmin(axis=0)) | (gap < 1e-3))
    assert stable_phases(triple(), [700.0, 1700.0], [0.0, 60.0]).tolist() == [[0, -1], [-1, -1]]


def test_lines_between_stable_phases():
    pairs = {(each.first, each.second): each for each in all_lines(triple())}
    assert all(line.stable for line in pairs["light", "dense"].lines)
    assert all(line.stable for line in pairs["dense", "densest"].lines)
    assert not any(line.stable for line in pairs["light", "densest"].lines)
    assert pairs["light", "densest"].lines


def test_a_triple_point_cuts_the_lines():
    """Three straight lines: equal compressibility, so that the triple point can be solved for by hand."""
    triple_t, triple_p = 1100.0, 12.0
    a, b, c = (Solid(0.0, v, stiffness=k) for v, k in ((32.0, 10.0), (31.0, 12.0), (30.0, 20.0)))
    a, b, c = (replace(each, energy=-38.0 - each.gibbs(triple_t, triple_p)) for each in (a, b, c))
    surfaces = [solid.surface(name, HIGH) for name, solid in (("a", a), ("b", b), ("c", c))]
    stable = [line for pair in all_lines(surfaces) for line in pair.lines if line.stable]
    assert len(stable) == 3
    for line in stable:
        ends = [(point.temperature, point.pressure_gpa) for point in (line.points[0], line.points[-1])]
        assert any(abs(t - triple_t) < 3.0 and abs(p - triple_p) < 0.05 for t, p in ends)
    (found,) = triple_points(stable)
    assert found.phases == ("a", "b", "c")
    assert (found.temperature, found.pressure_gpa) == pytest.approx((triple_t, triple_p), rel=4e-3)
    assert 0 < found.error_gpa < 1


def test_lines_that_do_not_meet_make_no_triple_point():
    ends = {("a", "b"): (700.0, 5.0), ("a", "c"): (1100.0, 5.0), ("b", "c"): (1100.0, 6.0)}
    made = [
        CoexistenceLine(*phases, True, tuple(CoexistencePoint(t, p, 0.1, 0.0, 0.0, -1.0) for t in (t0, 1600.0)))
        for phases, (t0, p) in ends.items()
    ]
    assert triple_points(made) == []
    assert triple_points([replace(line, stable=False) for line in made]) == []
    assert triple_points(made[:2]) == []


def test_lines_have_points_at_the_temperatures_asked_for():
    asked = (850.0, 1234.5)
    (line,) = lines(LIGHT.surface("light", LOW), DENSE.surface("dense", HIGH), temperatures=asked)
    found = line.at_temperatures(asked)
    assert [each.temperature for each in found] == pytest.approx(asked, abs=1e-6)
    assert [each.pressure_gpa for each in found] == pytest.approx([exact(LIGHT, DENSE, t) for t in asked], abs=0.02)
    assert line.at_temperatures([2000.0]) == []


def test_the_best_source_of_each_phase():
    """Integration counts where there is any; the harmonic approximation says nothing where integration saw a loss."""
    harmonic, dynamics = LIGHT.points((0.0, 10.0), (700.0, 1000.0)), DENSE.points((0.0, 10.0), (700.0,))
    entries = [
        SourceEnergies("light", "harmonic", harmonic),
        SourceEnergies("light", "integration", None, {(1000.0, 10.0): "molten"}),
        SourceEnergies("dense", "harmonic", LIGHT.points((0.0,))),
        SourceEnergies("dense", "integration", dynamics),
        SourceEnergies("gone", "integration", None, {(700.0, 0.0): "molten"}),
    ]
    light, dense, gone = best_sources(entries)
    assert (light.source, dense.source, gone.source) == ("harmonic", "integration", "integration")
    assert list(zip(light.points.temperatures, light.points.pressures_gpa, strict=True)) == [
        (700.0, 0.0),
        (700.0, 10.0),
        (1000.0, 0.0),
    ]
    assert light.lost == {(1000.0, 10.0): "molten"}
    assert dense.points is dynamics
    assert (gone.points, gone.lost) == (None, {(700.0, 0.0): "molten"})


def test_of_two_values_at_a_state_point_the_smaller_error_counts():
    one, other = LIGHT.points((0.0, 5.0), error=2e-3), DENSE.points((5.0, 9.0), error=1e-3)
    found = merged([one, other])
    assert len(found.error) == 12
    at_5 = found.pressures_gpa == 5.0
    assert (found.error[at_5] == 1e-3).all()
    assert found.gibbs_energy[at_5] == pytest.approx(DENSE.gibbs(np.array(TEMPERATURES), 5.0))
    assert (found.error[found.pressures_gpa == 0.0] == 2e-3).all()
    assert merged([]) is None


def test_a_diagram_for_figures():
    surfaces = triple()
    found = [line for pair in all_lines(surfaces) for line in pair.lines]
    diagram = surface_diagram(surfaces, found, *usual_grid(surfaces, 29))
    assert {line.phases for line in diagram.lines} == {("light", "dense"), ("dense", "densest")}
    assert diagram.stable.shape == diagram.probability.shape == (30, 30)
    assert 0.4 < diagram.probability.min() <= diagram.probability.max() == 1.0
    with pytest.raises(ValueError, match="two temperatures and two pressures"):
        usual_grid([LIGHT.surface("light", LOW, (700.0,))])


# --- errors ----------------------------------------------------------------------------------------------------------


def test_claimed_errors_cover_the_scatter():
    """Noise as of molecular dynamics: a shift of all G of a phase, and errors of H and V at each point."""
    rng = np.random.default_rng(5)

    def noisy(solid, pressures, name):
        points = solid.points(pressures, error=1e-3)
        shape = points.temperatures.shape
        return fit_surface(
            name,
            replace(
                points,
                gibbs_energy=points.gibbs_energy + 1e-3 * rng.standard_normal(),
                enthalpy=points.enthalpy + 1e-3 * rng.standard_normal(shape),
                volume=points.volume + 5e-3 * rng.standard_normal(shape),
            ),
        )

    found = []
    for _ in range(40):
        (line,) = lines(noisy(LIGHT, LOW, "light"), noisy(DENSE, HIGH, "dense"))
        found += [[(p.pressure_gpa, p.error_gpa) for p in line.points if p.temperature in (700.0, 1300.0)]]
    values, errors = np.moveaxis(np.array(found), 2, 0)
    truth = [exact(LIGHT, DENSE, t) for t in (700.0, 1300.0)]
    scatter, claimed = np.sqrt(np.mean((values - truth) ** 2, axis=0)), np.sqrt(np.mean(errors**2, axis=0))
    assert np.all(scatter < 1.25 * claimed), (scatter, claimed)
    assert np.all(scatter > 0.6 * claimed), (scatter, claimed)


def test_errors_grow_with_those_of_the_points():
    small, large = (
        lines(LIGHT.surface("light", LOW, error=error), DENSE.surface("dense", HIGH, error=error))[0].points[0]
        for error in (1e-3, 2e-3)
    )
    assert large.error_gpa == pytest.approx(2 * small.error_gpa, rel=0.05)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_refusals():
    with pytest.raises(ValueError, match="two phases or more, each with its own name; got light, light"):
        all_lines([LIGHT.surface("light", LOW)] * 2)
    with pytest.raises(ValueError, match="no Gibbs energy at any temperature"):
        phase_points(
            [dict.fromkeys(("gibbs_energy", "error", "configurational_enthalpy", "volume", "temperature_k"))],
            "unit",
            ATOMS,
        )
    points = LIGHT.points((0.0, 0.0))
    with pytest.raises(ValueError, match="two values at the same temperature and pressure"):
        fit_surface("light", points)

"""Gibbs energies of all phases, and chemical potentials by all sources side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiida_polymorph.landscape.source_comparison import COMPUTED, Comparison, Measured
from aiida_polymorph.report.canvas import pretty_formula
from aiida_polymorph.report.entropy_panels import entropy_figure
from aiida_polymorph.report.potential_panels import TITLES, potential_figure, sources_at
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.report.tables import Cell, Table, cell, columns_table
from aiida_polymorph.text_tables import Column

CONVENTIONS = {
    "unit": "classical, with a thermal wavelength of 1 Å for every atom",
    "mass": "classical, with the thermal wavelength of each element",
    "quantum": "with the thermal wavelength of each element and the harmonic quantum correction",
}
HEADS = ("phase", "source", "T (K)", "P (GPa)", "G (eV)", "± G", "V (Å³)", "S (kB)", "± S", "node", "reason")
LEAST_ENTROPIES = 3
"""Points of a figure of entropies."""

AGREEMENT: tuple[Column, ...] = (
    Column("T (K)", "temperature_k", "g"),
    Column("compared", "what"),
    Column("phases", "phases", "d"),
    Column("r", "r", ".2f"),
    Column("RMSE", "rmse", ".4f"),
    Column("unit", "unit"),
)
AGREEMENT_CAPTION = (
    "How well the sources agree: values relative to their means at each pressure. A correlation r needs three phases "
    "or more at a pressure."
)
STABLE: tuple[Column, ...] = (
    Column("T (K)", "temperature_k", "g"),
    Column("P (GPa)", "pressure_gpa", "g"),
    *(Column(f"lowest: {title}", source) for source, title in TITLES.items()),
)


class GibbsEnergiesSection(Section):
    """Gibbs energies with errors and reasons; left out where no free energies were given."""

    anchor = "gibbs-energies"
    heading = "Gibbs energies"

    def texts(self) -> Sequence[str]:
        """Return what the numbers are, and what the reader should know of them."""
        if self.data.energies is None:
            return ()
        comparison = self.data.energies.comparison
        convention = CONVENTIONS.get(comparison.convention, comparison.convention)
        return (
            f"Per {pretty_formula(comparison.formula)}, with the potential {comparison.potential}, {convention}. "
            "Integration: Frenkel-Ladd and molecular dynamics along isotherms and isobars; harmonic: lattice "
            "dynamics, quasi-harmonic. A phase that is not metastable has no Gibbs energy, but a reason.",
            f"Chemical potentials in the figures are relative to {comparison.relative_to}: those by basin entropy, "
            "h − T s_b, mean nothing else.",
            *(f"Note: {remark}." for remark in comparison.remarks),
        )

    def tables(self) -> Sequence[Table]:
        """Return all Gibbs energies, the phase that is lowest by each source, and how well the sources agree."""
        if self.data.energies is None:
            return ()
        comparison, summary = self.data.energies.comparison, self.data.energies.summary
        numbers = self.data.energies.nodes
        stable = [row for row in summary["stable"] if any(row[source] for source in TITLES)]
        return (
            Table(HEADS, tuple(_row(each, numbers[each.node]) for each in _all(comparison)), "Gibbs energies."),
            columns_table(stable, STABLE, "The phase of lowest chemical potential by each source."),
            columns_table(_agreement(summary), AGREEMENT, AGREEMENT_CAPTION),
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield chemical potentials and entropies, temperature by temperature."""
        if self.data.energies is None:
            return
        comparison, order = self.data.energies.comparison, self.data.phase_order
        for temperature in comparison.temperatures:
            if sources_at(comparison, temperature):
                yield _potentials(comparison, temperature, order)
            if comparison.entropies(temperature).before.count >= LEAST_ENTROPIES:
                yield _entropies(comparison, temperature, order)


def _all(comparison: Comparison) -> list[Measured]:
    """Return all Gibbs energies by phase, temperature, pressure and source."""
    points = [(phase, point) for phase in comparison.phases for point in comparison.state_points]
    found = (comparison.at(source, phase, point) for phase, point in points for source in COMPUTED)
    return [each for each in found if each is not None]


def _row(measured: Measured, node: int) -> tuple[Cell, ...]:
    gibbs_energy, entropy = measured.gibbs_energy, measured.entropy
    return (
        Cell(measured.phase),
        Cell(measured.source),
        cell(measured.state_point[0], "g"),
        cell(measured.state_point[1], "g"),
        cell(gibbs_energy and gibbs_energy.value, ".4f"),
        cell(gibbs_energy and gibbs_energy.error, ".4f"),
        cell(measured.volume, ".3f"),
        cell(entropy and entropy.value, ".2f"),
        cell(entropy and entropy.error, ".2f"),
        cell(node, "d"),
        cell(measured.reason),
    )


def _agreement(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each temperature and pair of sources that can be compared."""
    pairs = [
        ("harmonic and integration", row, row["r"], row["rmse_ev_per_formula_unit"], "eV")
        for row in summary["harmonic"]
    ]
    pairs += [
        ("basin entropy and entropy by integration", row, row["r"], row["rmse_kb"], "kB")
        for row in summary["entropies"]
    ]
    rows = [
        {
            "temperature_k": row["temperature_k"],
            "what": what,
            "phases": row["phases"],
            "r": r,
            "rmse": rmse,
            "unit": unit,
        }
        for what, row, r, rmse, unit in pairs
    ]
    return sorted((row for row in rows if row["phases"]), key=lambda row: row["temperature_k"])


def _potentials(comparison: Comparison, temperature: float, order: Sequence[str]) -> Picture:
    caption = (
        f"Chemical potentials at {temperature:g} K relative to {comparison.relative_to}, a panel for each source. "
        "Markers: state points that were computed or searched; between them the curves are cubics with the volumes as "
        "slopes. Bands: one standard deviation of the difference."
    )
    figure = potential_figure(comparison, temperature, order)
    alt = f"Chemical potentials by several sources at {temperature:g} K"
    return Picture(f"gibbs-energies-{temperature:g}K", alt, caption, figure)


def _entropies(comparison: Comparison, temperature: float, order: Sequence[str]) -> Picture:
    caption = (
        f"Basin entropies against entropies S by integration at {temperature:g} K, both relative to their means at "
        "each pressure. Where it could be fitted, the right panel takes off a H, H the enthalpy."
    )
    figure = entropy_figure(comparison, temperature, order)
    return Picture(f"entropies-{temperature:g}K", f"Entropies at {temperature:g} K", caption, figure)

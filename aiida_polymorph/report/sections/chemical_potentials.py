"""Chemical potentials of known and new phases against pressure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.potential_curves import chemical_potentials, reference_phase
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials

MOST = 12
"""Phases in one figure."""


class ChemicalPotentialsSection(Section):
    """Chemical potentials by basin entropy, a figure for the known and one for the new phases."""

    anchor = "chemical-potentials"
    heading = "Chemical potentials"
    missing = "There are no chemical potentials."
    side_by_side = True

    def texts(self) -> Sequence[str]:
        """Return what the symbols mean."""
        return ("μ = h − T s_b, h the enthalpy, s_b the basin entropy.",)

    def pictures(self) -> Iterator[Picture]:
        """Yield two figures for each temperature."""
        if self.data.potentials is not None:
            for temperature in self.data.temperatures:
                yield from _pictures(self.data, self.data.potentials, temperature)


def known_names(data: ReportData) -> list[str]:
    """Return the names of the phases that are references."""
    known = [str(row["name"]) for row in data.phases if row.get("known")]
    for view in data.landscapes:
        known += [name for name, flag in zip(view.names, view.known, strict=True) if flag] + list(view.missing_names)
    return list(dict.fromkeys(known))


def _pictures(data: ReportData, potentials: ChemicalPotentials, temperature: float) -> Iterator[Picture]:
    known = [name for name in known_names(data) if name in potentials.names]
    new = [name for name in potentials.names if name not in known]
    reference = reference_phase(potentials, temperature, data.relative_to)
    for kind, shown, grey in (("known", known, []), ("new", new, known)):
        if not shown:
            continue
        figure, (ax,) = new_figure(6.0, 4.8)
        chemical_potentials(
            potentials,
            ax,
            temperature,
            reference,
            shown,
            grey,
            most=MOST,
            formula=data.formula,
            order=data.phase_order,
        )
        alt = f"Chemical potentials of {kind} phases against pressure"
        stem = f"chemical-potentials-{temperature:g}K-{kind}"
        yield Picture(stem, alt, _caption(kind, temperature, reference, len(shown), bool(grey)), figure)


def _caption(kind: str, temperature: float, reference: str, shown: int, grey: bool) -> str:
    caption = (
        f"Chemical potentials of {kind} phases at {temperature:g} K, relative to {reference}. Solid, filled: found "
        "in the search; dashed, hollow: predicted by the surrogate; dotted: extrapolated from the next searched "
        "pressure. Bands: one standard deviation of the difference."
    )
    caption += f" At most {MOST} phases, those that come closest to being stable." if shown > MOST else ""
    return caption + (" Known phases in grey." if grey else "")

"""What Frenkel-Ladd free energies were integrated from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_polymorph.report.free_energy_curves import FreeEnergyView, free_energy_figure
from aiida_polymorph.report.sections.interface import Picture, Section

CAPTIONS = {
    "equilibrium": (
        "Energy of the springs against their strength λ, in the variable of the quadrature, in which the integrand is "
        "smooth. The area under the polynomial through the points is the integral."
    ),
    "switching": (
        "Force of switching from the crystal to independent springs and back, against λ. Half the difference of the "
        "areas under both curves is the dissipation."
    ),
}


class IntegrandsSection(Section):
    """A figure for each free energy by equilibrium or switching; left out where there is none."""

    anchor = "integrands"
    heading = "Integrands of free energies"
    side_by_side = True

    def texts(self) -> Sequence[str]:
        """Return what Frenkel-Ladd integration does."""
        return (
            "Frenkel-Ladd: springs tie each atom to its site, and their strength λ leads from the Einstein crystal, "
            "whose free energy is known, to the crystal itself. The integrand should be smooth, and the error of each "
            "point small.",
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield the integrands."""
        for view in self.data.energies.integrands if self.data.energies is not None else ():
            if view.has_curve:
                yield _picture(view)


def _picture(view: FreeEnergyView) -> Picture:
    caption = f"{view.title} (node {view.node}). {CAPTIONS.get(view.method, '')}"
    return Picture(
        f"free-energy-{view.phase}-{view.node}", f"Integrand of {view.title}", caption, free_energy_figure([view])
    )

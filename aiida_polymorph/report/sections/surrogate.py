"""How well the surrogates predict what they have not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.data import SurrogateView
from aiida_polymorph.report.figures import surrogate_parity
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.report.tables import Cell, Table, cell

SPLITS = {
    "random": "random split",
    "novel": "no copy of the phase in training",
    "cluster": "whole clusters held out",
}
HEADS = ("P (GPa)", "target", "test", "MAE", "RMSE", "R²")


class SurrogateSection(Section):
    """Test errors, and predictions beside held-out values."""

    anchor = "surrogate"
    heading = "Surrogate"
    missing = "No surrogate was handed over."
    side_by_side = True

    def texts(self) -> Sequence[str]:
        """Return what the surrogate is for, and what the errors are of."""
        return (
            "The surrogate predicts enthalpy and basin entropy from the geometry alone, for phases that the search "
            "missed at a pressure.",
            "Errors on structures that the model had not seen, by how they were chosen. R² below zero: the "
            "prediction is worse than the mean of all values would be.",
        )

    def tables(self) -> Sequence[Table]:
        """Return the test errors, a row for each way of splitting."""
        rows = [_row(view, split, errors) for view in self.data.surrogates for split, errors in view.evaluation.items()]
        return (Table(HEADS, tuple(rows)),)

    def pictures(self) -> Iterator[Picture]:
        """Yield parity plots."""
        for view in self.data.surrogates:
            if len(view.actual):
                yield _parity(view, self.data.formula)


def _row(view: SurrogateView, split: str, errors: Mapping[str, float | None]) -> tuple[Cell, ...]:
    return (
        cell(view.pressure_gpa, "g"),
        Cell(f"{view.target}, {'eV' if view.target == 'enthalpy' else 'kB'}"),
        Cell(SPLITS.get(split, split)),
        *(cell(errors.get(key), ".3g") for key in ("mae", "rmse", "r2")),
    )


def _parity(view: SurrogateView, formula: str) -> Picture:
    figure, (ax,) = new_figure(4.2, 4.0)
    surrogate_parity(view, ax, formula)
    stem = f"surrogate-{view.target}-{view.pressure_gpa:g}GPa".replace(" ", "-")
    caption = f"Surrogate of the {view.target} at {view.pressure_gpa:g} GPa on structures held out of training."
    return Picture(stem, f"Parity plot of the predicted {view.target}", caption, figure)

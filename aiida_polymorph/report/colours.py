"""The colour and the marker of each phase, the same ones in all figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aiida_polymorph.report.canvas import COLOURS, MARKERS

Looks = Mapping[str, tuple[str, str]]
"""Phase -> colour and marker."""


def phase_looks(drawn: Iterable[str], order: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each phase of a figure.

    They follow from the place of a phase in the order, whatever else the figure shows and in whatever sequence. With
    more phases than colours the colours start over, with other markers.

    Args:
        drawn: Names of the phases in the figure, in any sequence.
        order: Names of all phases that share a set of figures, as `results.phase_order` returns them. Phases that are
            not among them come after them, by name.
    """
    names = list(dict.fromkeys(drawn))
    known = list(dict.fromkeys(order))
    places = {name: place for place, name in enumerate([*known, *sorted(set(names) - set(known))])}
    return {name: look(places[name]) for name in names}


def look(place: int) -> tuple[str, str]:
    """Return colour and marker of the phase at a place of the order, counted from 0."""
    turn, colour = divmod(place, len(COLOURS))
    return COLOURS[colour], MARKERS[(colour + turn) % len(MARKERS)]

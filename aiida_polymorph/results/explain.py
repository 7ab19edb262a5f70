"""The text of `explain`: how one chemical potential came about, from the formula back to the jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida_polymorph.units import KB

METHODS = {
    "basin": "found in the search at this pressure: enthalpy of its representative, entropy from how often it appeared",
    "surrogate": "not found at this pressure: enthalpy and entropy predicted by the surrogate from its geometry",
    "extrapolated": "known at another pressure only, and carried from there by V dP",
    "absent": "not known at this pressure",
}


@dataclass(frozen=True)
class Step:
    """One node on the way to the number, the nearest to it first.

    Attributes:
        label: what the step did, e.g. `landscape analysis`.
        pk, uuid: identifiers of the node.
        process: process or node type, e.g. `polymorph.relax_set`.
        started, seconds: when it began and how long it took; unknown is "" and None.
        detail: anything else, e.g. `150 structures, exit code 0`.
        level: depth in the tree of steps, 0 for the outermost.
        made_with: version of the package and code that did it, e.g. `aiida-polymorph 0.1.0, code 1f3a9c02`.
        version, code: the same in parts; None where the node does not tell.
    """

    label: str
    pk: int
    uuid: str = ""
    process: str = ""
    started: str = ""
    seconds: float | None = None
    detail: str = ""
    level: int = 0
    made_with: str = ""
    version: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Explanation:
    """What there is to say about one phase at one pressure and temperature; energies in eV per formula unit.

    Attributes:
        phase, formula: names.
        pressure_gpa, temperature_k: where.
        method: one of `thermodynamics.diagrams.chemical_potential.METHODS`.
        chemical_potential_ev: None if unknown, and then `reason` says why.
        error_ev: standard deviation of the difference from the stable phase.
        enthalpy_ev, enthalpy_error_ev: the first term.
        basin_entropy_kb, basin_entropy_error_kb: s_b, kB per formula unit, whose zero is common to all phases.
        above_hull_ev, stable_phase, probability_stable: how it compares.
        known: whether it is a reference.
        space_group, volume_a3: of the representative.
        found: formula units -> how often.
        structures: how many structures the search relaxed.
        representative: identity of the representative within the search, e.g. `seed index 812`.
        eps, min_samples: of the clustering.
        interpolated_from: searched pressures, GPa, that the number is interpolated from, if it is.
        surrogate: name -> value of what the surrogate says of itself (test error, extrapolation, ...).
        reason: why a number is unknown or doubtful.
        steps: the provenance.
    """

    phase: str
    formula: str
    pressure_gpa: float
    temperature_k: float
    method: str
    chemical_potential_ev: float | None = None
    error_ev: float | None = None
    enthalpy_ev: float | None = None
    enthalpy_error_ev: float | None = None
    basin_entropy_kb: float | None = None
    basin_entropy_error_kb: float | None = None
    above_hull_ev: float | None = None
    stable_phase: str | None = None
    probability_stable: float | None = None
    known: bool | None = None
    space_group: str | None = None
    volume_a3: float | None = None
    found: Mapping[int | str, int] = field(default_factory=dict)
    structures: int | None = None
    representative: str | None = None
    eps: float | None = None
    min_samples: int | None = None
    interpolated_from: Sequence[float] = ()
    surrogate: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    steps: Sequence[Step] = ()


def explain_text(explanation: Explanation) -> str:
    """Return a text for people: the number, its terms, what they rest on, and the nodes back to the jobs."""
    parts = [_headline(explanation), _terms(explanation), _evidence(explanation), _provenance(explanation.steps)]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _number(value: float | None, error: float | None = None, form: str = ".4f", unit: str = "") -> str:
    if value is None:
        return "unknown"
    doubt = f" ± {error:{form}}" if error is not None else ""
    return f"{value:{form}}{doubt}{' ' + unit if unit else ''}"


def _headline(e: Explanation) -> Iterator[str]:
    kind = {True: " (known phase)", False: " (new phase)", None: ""}[e.known]
    yield f"{e.phase}{kind}, {e.formula}, at {e.pressure_gpa:g} GPa and {e.temperature_k:g} K"
    yield f"  Method: {e.method}: {METHODS.get(e.method, 'see the node')}."
    if e.interpolated_from:
        yield f"  Interpolated from the searches at {' and '.join(f'{p:g}' for p in e.interpolated_from)} GPa."
    if e.reason:
        yield f"  Note: {e.reason}."


def _terms(e: Explanation) -> Iterator[str]:
    product = None if e.basin_entropy_kb is None else KB * e.temperature_k * e.basin_entropy_kb
    doubt = None if e.basin_entropy_error_kb is None else KB * e.temperature_k * e.basin_entropy_error_kb
    yield f"Chemical potential per {e.formula}:"
    yield f"  mu = h - T s_b      {_number(e.chemical_potential_ev, e.error_ev, unit='eV')}"
    yield f"  h                   {_number(e.enthalpy_ev, e.enthalpy_error_ev, unit='eV')}"
    yield f"  T s_b               {_number(product, doubt, unit='eV')}"
    yield f"  s_b                 {_number(e.basin_entropy_kb, e.basin_entropy_error_kb, '.2f', 'kB')}"
    yield "  The zero of s_b, and so of mu, is common to all phases of this pressure: only differences count."
    if e.above_hull_ev is not None:
        lower = f" above {e.stable_phase}" if e.stable_phase and e.stable_phase != e.phase else ""
        yield (
            f"  {_number(e.above_hull_ev, unit='eV')}{lower or ' above the stable phase'}"
            if e.above_hull_ev
            else ("  It is the stable phase here.")
        )
    if e.probability_stable is not None:
        yield f"  Probability to be the stable phase: {e.probability_stable:.3f}"


def _evidence(e: Explanation) -> Iterator[str]:
    yield "What it rests on:"
    if e.found:
        counts = ", ".join(f"{times} times with {z}" for z, times in e.found.items())
        total = f" of {e.structures} relaxed structures" if e.structures else ""
        yield f"  Found {sum(e.found.values())} times{total}: {counts} formula units."
    if e.representative:
        yield f"  Representative, lowest in enthalpy: {e.representative}."
    if e.space_group or e.volume_a3 is not None:
        yield f"  Space group {e.space_group or 'unknown'}, volume {_number(e.volume_a3, form='.3f', unit='A^3')}."
    if e.eps is not None:
        yield f"  Clusters by DBSCAN with eps {e.eps:.3g}, at least {e.min_samples} structures each."
    for name, value in e.surrogate.items():
        yield f"  Surrogate, {str(name).replace('_', ' ')}: {f'{value:.4g}' if isinstance(value, float) else value}"


def _provenance(steps: Sequence[Step]) -> Iterator[str]:
    if not steps:
        return
    yield "Where it comes from, back to the jobs:"
    for step in steps:
        took = f", {step.seconds:.1f} s" if step.seconds is not None else ""
        when = f", {step.started}{took}" if step.started else took
        by = f", {step.made_with}" if step.made_with else ""
        what = f" [{step.process}]" if step.process else ""
        detail = f": {step.detail}" if step.detail else ""
        yield f"  {'  ' * step.level}{step.label} <{step.pk}>{what}{when}{by}{detail}"

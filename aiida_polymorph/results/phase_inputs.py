"""What a command takes as phases, by one rule for all: files, nodes, and phases that ship with the package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.formats import read_structures
from aiida_polymorph.references import available_references, find_references, load_references
from aiida_polymorph.results.analysis import check_analysis, is_analysis
from aiida_polymorph.results.nodes import formula_of, is_identifier, load, structure_set
from aiida_polymorph.results.phase_nodes import MOST_LISTED, Phase, PhasesGiven, Source
from aiida_polymorph.structures import StructureSet

ACCEPTED = (
    "accepted are structure files, nodes (the number or UUID of an analysis, a search, a relaxation, a set of "
    "structures or a structure), and the names of phases that ship with the package"
)
NAMELESS_FILES = ("POSCAR", "CONTCAR")
"""Files whose folder tells what they hold."""


def find_phases(
    given: Sequence[str],
    only: Sequence[str] | None = None,
    pressure_gpa: float = 0.0,
    most: int | None = None,
) -> PhasesGiven:
    """Return the phases that a person has named, each with a name of its own.

    An argument is, in this order, the path of a file with one structure or several; the number or the UUID of a node
    (an analysis, a search, a relaxation or a scan, the set that it made, a StructureData); or the name of a phase that
    ships with the package, `rutile` or `TiO2/rutile`.

    Args:
        given: the arguments.
        only: names of the phases that are wanted, in this order; None for all.
        pressure_gpa: where a node holds a phase at several pressures, the one nearest to this pressure is taken, the
            lower of two that are equally near.
        most: how many phases there may be; None for any number.

    Returns:
        The phases, and remarks that say which representatives were taken.

    Raises:
        ValueError: if an argument is none of these, a name in `only` is not there, two phases have the same name, or
            there are none or too many.
    """
    file_names = names_of_files([text for text in given if Path(text).is_file()])
    sources = [find_source(text, file_names) for text in given]
    phases = [phase for source in sources for phase in representatives(source, pressure_gpa)]
    if only is not None:
        phases = [phase for name in only for phase in named(phases, name)]
    check_names(phases)
    if most is not None and len(phases) > most:
        raise ValueError(
            f"{', '.join(given)}: these are {len(phases)} phases, and at most {most} are taken at once; choose some "
            f"with --only, e.g. --only {phases[0].name}"
        )
    return PhasesGiven(tuple(phases), tuple(remarks_on(sources, phases, pressure_gpa)))


def find_source(text: str, file_names: dict[str, str]) -> Source:
    """Return what one argument stands for.

    Raises:
        ValueError: if it stands for nothing, naming what is accepted and what is written alike.
    """
    if text in file_names:
        return source_of_file(text, file_names[text])
    if is_identifier(text):
        return source_of_node(load(text))
    shipped = find_references(text)
    if Path(text).is_dir() and "/" not in text:
        phase = f", for the phase that ships {'/'.join(shipped[0])}" if shipped else ""
        raise ValueError(f"{text} is a folder: for structures in it give their files, e.g. {text}/*.res{phase}")
    if len(shipped) == 1:
        return source_of_reference(*shipped[0])
    if shipped:
        choices = " or ".join("/".join(each) for each in shipped)
        raise ValueError(f"{text} is a phase of several compositions; write {choices}")
    raise ValueError(f"{text} is neither a file nor a node nor a phase that ships{hint_for(text)}; {ACCEPTED}")


def hint_for(text: str) -> str:
    """Return why an argument stands for nothing, and what may have been meant instead."""
    path = Path(text)
    full = [f"{formula}/{name}" for formula, names in available_references().items() for name in names]
    shipped = full if "/" in text else list(dict.fromkeys(each.rpartition("/")[2] for each in full))
    beside = [str(path.parent / each.name) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(text, [*shipped, *beside], n=3)
    missing = ": the file does not exist" if path.suffix or len(path.parts) > 1 else ""
    return missing + (f"; did you mean {' or '.join(near)}" if near else f" (these are {shortened(full)})")


def source_of_reference(formula: str, name: str) -> Source:
    """Return one phase that ships."""
    known = load_references(formula)
    row = known.column("name").tolist().index(name)
    text = known.metadata["references"][name]
    alone = known.select([row])
    return Source(
        f"{formula}/{name}, which ships with aiida-polymorph",
        StructureSet.from_atoms(list(alone), alone.columns, {"references": {name: text}}),
        description=f"{formula}/{name} as it ships with aiida-polymorph: {text['citation']}",
    )


def source_of_file(text: str, name: str) -> Source:
    """Return the structures of a file; one alone, or those without names of their own, are called after the file.

    Raises:
        ValueError: if it can't be read.
    """
    path = Path(text)
    structures = read_structures([path])
    stem = stem_of(path)
    names = [name + each.removeprefix(stem) if each.startswith(stem) else each for each in structures.column("name")]
    return Source(f"file {text}", structures.with_columns(name=names), description=f"read from {path.resolve()}")


def stem_of(path: Path) -> str:
    """Return the name of a file without its ending, and without that of what is gzipped."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).stem


def names_of_files(files: Sequence[str]) -> dict[str, str]:
    """Return what the structure in each file is called: the file's stem.

    POSCAR and CONTCAR have the name of their folder; other files of the same stem have that of the folder before it,
    as in `lda-rutile`.
    """
    times = Counter(stem_of(Path(text)) for text in dict.fromkeys(files))
    return {text: _file_name(Path(text), times) for text in files}


def _file_name(path: Path, times: Counter[str]) -> str:
    stem, folder = stem_of(path), path.parent.name
    if not folder or folder == "..":
        return stem
    if stem in NAMELESS_FILES:
        return folder
    return f"{folder}-{stem}" if times[stem] > 1 else stem


def source_of_node(node: Any) -> Source:
    """Return the phases of an analysis, the structures of a set or of the process that made it, or one structure.

    Raises:
        ValueError: if the node is something else, or has no result.
    """
    if isinstance(node, orm.StructureData):
        name = node.label.partition("@")[0] or f"{formula_of(node)}-{node.pk}"
        return Source(f"structure {node.pk}", StructureSet.from_atoms([node.get_ase()], {"name": [name]}), node)
    if is_analysis(node):
        found = check_analysis(node).outputs.phases
        return Source(f"analysis {node.pk}", found.to_set(), found, analysis=node)
    try:
        found = structure_set(str(node.pk))
    except ValueError as error:
        raise ValueError(f"{error}; {ACCEPTED}") from error
    return Source(f"node {node.pk}", with_names(found), found)


def with_names(node: StructureSetData) -> StructureSet:
    """Return the structures of a node, those without a name called `NODE-INDEX`."""
    structures = node.to_set()
    names = structures.column("name", "").astype(str).tolist()
    index = structures.column("index", -1).astype(int).tolist()
    numbers = index if len(set(index)) == len(index) else range(len(index))
    return structures.with_columns(
        name=[name or f"{node.pk}-{number}" for name, number in zip(names, numbers, strict=True)]
    )


def representatives(source: Source, pressure_gpa: float) -> list[Phase]:
    """Return each phase of a source once, as it is nearest to a pressure; structures that failed are left out.

    Raises:
        ValueError: if a phase is there several times and the pressures don't tell which is which.
    """
    structures = source.structures
    pressures = structures.column("pressure_gpa").astype(float)
    rows: dict[str, list[int]] = {}
    for row in usable_rows(structures):
        rows.setdefault(str(structures.columns["name"][row]), []).append(row)
    if not rows:
        raise ValueError(f"{source.what} holds no structure that could be relaxed")
    for name, places in rows.items():
        if len({pressure for pressure in pressures[places].tolist() if np.isfinite(pressure)} or {0.0}) < len(places):
            raise ValueError(f"{source.what} holds {name} {len(places)} times, and the pressures don't tell them apart")

    def farness(row: int) -> tuple[float, float]:
        return abs(pressures[row] - pressure_gpa), pressures[row]

    return [Phase(name, source, min(places, key=farness)) for name, places in rows.items()]


def usable_rows(structures: StructureSet) -> list[int]:
    """Return the positions of the structures that are relaxed, or of which nothing says that they failed."""
    return np.flatnonzero(structures.column("converged", True).astype(bool)).tolist()


def remarks_on(sources: Sequence[Source], phases: Sequence[Phase], pressure_gpa: float) -> Iterator[str]:
    """Say of each source what was left out, and at which pressures its phases are, where it has them at several."""
    for source in sources:
        here = [phase for phase in phases if phase.source is source]
        usable = usable_rows(source.structures)
        failed = len(source.structures) - len(usable)
        if failed and here:
            yield f"{failed} of {len(source.structures)} structures of {source.what} failed to relax and are left out."
        if here and len(set(source.structures.columns["name"][usable].tolist())) < len(usable):
            yield remark_on_pressures(source.what, here, pressure_gpa)


def remark_on_pressures(what: str, phases: Sequence[Phase], pressure_gpa: float) -> str:
    """Say at which pressures representatives are: the most frequent one, then the others by phase."""
    common = Counter(phase.pressure_gpa for phase in phases).most_common(1)[0][0]
    others = [f"{phase.name} at {phase.pressure_gpa:g} GPa" for phase in phases if phase.pressure_gpa != common]
    exceptions = f", but {shortened(others)}" if others else ""
    return f"Phases of {what} as they are nearest to {pressure_gpa:g} GPa: those at {common:g} GPa{exceptions}."


def named(phases: Sequence[Phase], name: str) -> list[Phase]:
    """Return the phases of a name.

    Raises:
        ValueError: if there is none, with the names that there are.
    """
    found = [phase for phase in phases if phase.name == name]
    if not found:
        there = [phase.name for phase in phases]
        near = get_close_matches(name, there, n=3)
        meant = f"; did you mean {' or '.join(near)}" if near else ""
        raise ValueError(f"--only {name}: there is no such phase; there are {shortened(there)}{meant}")
    return found


def shortened(names: Sequence[str]) -> str:
    """Return names for a message, not more than a few lines of them."""
    left = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {left} more" if left > 0 else "")


def check_names(phases: Sequence[Phase]) -> None:
    """Refuse phases that share a name.

    Raises:
        ValueError: naming where both come from; or if there are no phases.
    """
    if not phases:
        raise ValueError(f"no phase is given; {ACCEPTED}")
    first: dict[str, Phase] = {}
    for phase in phases:
        other = first.setdefault(phase.name, phase)
        if other is not phase:
            raise ValueError(
                f"{phase.name} is the name of two phases, from {other.source.what} and from {phase.source.what}; the "
                "phases of a call need to be different ones, each with a name of its own"
            )


def known_phases(composition: str) -> StructureSetData | None:
    """Return the known phases that ship for a composition as a new node, None where there are none."""
    references = load_references(composition)
    if not len(references):
        return None
    node = StructureSetData.from_set(references)
    node.description = f"known phases of {composition} that ship with aiida-polymorph"
    return node


def to_recognise(given: PhasesGiven) -> StructureSetData | None:
    """Return the phases among which one that is lost is looked up: those of the analysis, else those that ship."""
    return given.analysis_phases() or known_phases(given.composition)

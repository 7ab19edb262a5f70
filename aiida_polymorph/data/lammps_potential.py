"""From aiida-lammps's node of a potential to a `Potential`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_polymorph.potential import Potential

if TYPE_CHECKING:
    from aiida_lammps.data.potential import LammpsPotentialData

ATOM_STYLES = ("atomic", "charge")
SETTINGS = ("name", "style_options", "pair_coeff", "commands", "charges")
"""What the node can't know: keyword arguments of `potential_of`."""

WITHOUT_ELEMENTS = ("eam",)
"""Pair styles whose `pair_coeff` names a file and no element."""


def potential_of(
    node: LammpsPotentialData,
    *,
    name: str = "",
    style_options: Sequence[str] = (),
    pair_coeff: Sequence[str] = (),
    commands: Sequence[str] = (),
    charges: Mapping[str, float] | None = None,
) -> Potential:
    """Return what aiida-lammps's node of a potential holds as a `Potential` of LAMMPS.

    The node gives the pair style, the elements, the units and a text. The text is the file that `pair_coeff` names, or,
    for a pair style that reads no file, the coefficients themselves.

    Args:
        node: pair style, elements, units and text.
        name: of the potential; without it the node's label, its title, or the name of its file.
        style_options: words that follow the name of the pair style, such as a cutoff or `NULL` for `reaxff`.
        pair_coeff: whole commands, in place of `pair_coeff * * FILE ELEMENTS`, for pair styles that want others.
        commands: LAMMPS commands that follow, such as `kspace_style`, `pair_modify` or `neighbor`.
        charges: charge in e by element, needed where the node's atom style is `charge`.

    Raises:
        ValueError: if charges are missing, or atoms must have what this package doesn't give them.
    """
    said = node.base.attributes.all  # its properties belong to the class once one was made with `get_or_create`
    name = name or node.label or said.get("title") or node.filename.rpartition(".")[0]
    if said["atom_style"] not in ATOM_STYLES:
        raise ValueError(
            f"potential {name!r}: its atom style is {said['atom_style']}, must be {' or '.join(ATOM_STYLES)}"
        )
    if said["atom_style"] == "charge" and not charges:
        raise ValueError(f"potential {name!r}: its atom style is charge, so that charges must be given")
    reads_file = node.default_potential_info[said["pair_style"]]["read_from_file"]
    style = " ".join(["pair_style", said["pair_style"], *style_options])
    coefficients = pair_coeff or [all_pairs(node, name) if reads_file else " ".join(["pair_coeff * *", *words(node)])]
    return Potential(
        name=name,
        backend="lammps",
        species=tuple(said["species"]),
        citation=citation_of(node),
        units=said["default_units"],
        commands=(style, *coefficients, *commands),
        charges=dict(charges or {}),
        files={node.filename: node.get_content()} if reads_file else {},
    )


def words(node: LammpsPotentialData) -> list[str]:
    """Return the lines of the node's text, without comments."""
    return [line.strip() for line in node.get_content().splitlines() if line.split("#")[0].strip()]


def all_pairs(node: LammpsPotentialData, name: str) -> str:
    """Return the command `pair_coeff` that reads the node's file for all pairs of elements.

    Raises:
        ValueError: if the pair style needs a file of each element, and there are several.
    """
    style, species = (node.base.attributes.get(key) for key in ("pair_style", "species"))
    if style not in WITHOUT_ELEMENTS:
        return " ".join(["pair_coeff * *", node.filename, *species])
    if len(species) > 1:
        raise ValueError(
            f"potential {name!r}: {style} needs a file of each element, the node holds one for {', '.join(species)}; "
            "eam/alloy and eam/fs have one file for all"
        )
    return f"pair_coeff * * {node.filename}"


def citation_of(node: LammpsPotentialData) -> str:
    """Return where the potential was published, as far as the node says; "" if it doesn't."""
    sources: list[dict[str, Any]] = node.base.attributes.get("source_citations", None) or []
    keys = ("author", "title", "journal", "volume", "year")
    texts = [", ".join(str(source[key]) for key in keys if source.get(key)) for source in sources]
    return "; ".join(texts) or node.base.attributes.get("content_origin", None) or ""

"""`import` and `export`: structure sets from and to files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile, pressure
from aiida_polymorph.cli.output import print_json, say

FORMATS = ("extxyz", "res", "cif")


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True))
@pressure("Pressure at which the structures were relaxed; read from the files if left out.")
@click.option("--label", default="", help="Label of the new node.")
@AS_JSON
@add_profile
def import_command(files: tuple[str, ...], pressure_gpa: float | None, label: str, as_json: bool) -> None:
    """Import structures with their enthalpies, relaxed elsewhere, as one set.

    Reads SHELX .res as AIRSS writes it (one structure a file, or many), extended XYZ and whatever ASE reads, gzipped
    as well. Where the files lay and what they held (SHA-256) is noted in the node.

    \b
    Examples:
      aiida-polymorph import search/*.res --pressure 20
      aiida-polymorph import found.extxyz.gz --label "TiO2, AIRSS"
    """
    from aiida_polymorph.calculations.functions.structures import import_structures
    from aiida_polymorph.results.exchange import import_row

    node = import_structures(files, pressure_gpa)
    node.label = label
    if as_json:
        print_json(import_row(node))
    else:
        click.echo(
            f"Imported {len(node)} structures of {node.value('composition') or 'several compositions'}: {node.pk}"
        )


@click.command("export")
@click.argument("node", metavar="NODE")
@click.option(
    "--format", "file_format", type=click.Choice(FORMATS), default="extxyz", show_default=True, help="File format."
)
@click.option(
    "-o", "--output", "output", type=click.Path(dir_okay=False), help="File to write; standard output if left out."
)
@click.option("--converged", is_flag=True, help="Leave out structures whose relaxation failed.")
@add_profile
def export_command(node: str, file_format: str, output: str | None, converged: bool) -> None:
    """Export a set of structures, that of a finished search, or the phases of an analysis; `import` reads it back.

    The phases come with their names, counts by formula units and basin entropies in the comment lines of extended
    XYZ, one structure for each phase and pressure. A file name that ends in .gz makes it gzipped.

    \b
    Examples:
      aiida-polymorph export 123 --format extxyz -o tio2-20gpa.extxyz
      aiida-polymorph export 123 --format res > tio2-20gpa.res
      aiida-polymorph export 211 -o phases.extxyz.gz
    """
    from aiida_polymorph.formats import write_structures
    from aiida_polymorph.results.exchange import structures_to_export

    structures = structures_to_export(node)
    if converged:
        structures = structures.select(structures.column("converged", True).astype(bool))
    if output:
        write_structures(structures, output, file_format)
        say(f"Wrote {len(structures)} structures to {output}.")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"structures.{file_format}"
        write_structures(structures, path, file_format)
        with path.open() as text:
            shutil.copyfileobj(text, click.get_text_stream("stdout"))

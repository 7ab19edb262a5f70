"""What the commands print: tables for people, JSON for scripts, everything else to standard error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from aiida_polymorph.plain import plain
from aiida_polymorph.text_tables import Column, Row, counts_text, duration, empty_columns, table

__all__ = ["Column", "Row", "counts_text", "duration", "plain", "print_json", "say", "show", "table"]


def say(text: str) -> None:
    """Print progress or a warning to standard error."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print JSON on standard output; unknown numbers are null."""
    click.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def show(rows: Sequence[Row], columns: Sequence[Column | tuple[Any, ...]], as_json: bool) -> None:
    """Print rows as JSON, or as a table for people, with a line that says why a column is empty."""
    if as_json:
        print_json(rows)
        return
    click.echo("\n".join([table(rows, columns), *empty_columns(rows, columns)]))

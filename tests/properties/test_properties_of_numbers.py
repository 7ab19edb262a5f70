"""Lists and ranges of numbers as people type them: what is read is what was meant, or a clear refusal."""

from __future__ import annotations

import click
import pytest
from drawn import outcome
from hypothesis import given
from hypothesis import strategies as st

from aiida_polymorph.cli.options import MOST_NUMBERS, Numbers

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TYPED = st.text("0123456789.:,-+eE infnax_", max_size=20)


def read(text: str, kind: type = float):
    return Numbers(kind).convert(text, None, None)


@given(st.lists(FINITE, min_size=1, max_size=8))
def test_a_list_is_read_back_without_repetition(values) -> None:
    assert read(",".join(repr(value) for value in values)) == tuple(dict.fromkeys(values))


@given(st.lists(st.integers(), min_size=1, max_size=8))
def test_whole_numbers_stay_exact(values) -> None:
    assert read(" , ".join(map(str, values)), int) == tuple(dict.fromkeys(values))


@given(st.integers(-50, 50), st.integers(0, 60), st.sampled_from([1, 2, 5, 10]), st.sampled_from([1, 10, 1000]))
def test_a_range_has_both_ends_and_equal_steps(first, count, step, parts) -> None:
    text = f"{first / parts}:{(first + count * step) / parts}:{step / parts}"
    assert read(text) == pytest.approx([(first + i * step) / parts for i in range(count + 1)], abs=1e-9)


@given(st.integers(-100, 100), st.integers(0, 500), st.integers(1, 20))
def test_a_range_of_whole_numbers_is_that_of_python(first, length, step) -> None:
    assert read(f"{first}:{first + length}:{step}", int) == tuple(range(first, first + length + 1, step))


@given(FINITE, FINITE, st.floats(0, allow_nan=False, allow_infinity=False, exclude_min=True))
def test_a_range_stays_between_its_ends_or_is_refused(first, last, step) -> None:
    numbers, refused = outcome(read, f"{first!r}:{last!r}:{step!r}", refusal=click.BadParameter)
    if refused:
        assert "must rise by a positive step" in refused or f"more than {MOST_NUMBERS} numbers" in refused
        return
    assert len(numbers) <= MOST_NUMBERS
    slack = 1e-9 * max(1.0, abs(step), abs(first), abs(last))
    assert all(first - slack <= number <= last + slack for number in numbers)
    assert list(numbers) == sorted(numbers)


@given(TYPED | st.text(max_size=10), st.sampled_from([int, float]))
def test_whatever_is_typed_is_numbers_or_a_clear_refusal(text, kind) -> None:
    numbers, refused = outcome(read, text, kind, refusal=click.BadParameter)
    if refused:
        assert "write numbers as 0,20,40 or a range as 0:60:10" in refused
        return
    assert numbers
    assert len(set(numbers)) == len(numbers)
    assert all(isinstance(number, kind) and abs(number) < float("inf") for number in numbers)

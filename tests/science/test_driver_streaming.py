"""Records survive being cut off."""

from __future__ import annotations

import math

from aiida_polymorph.relaxation.driver.streaming import cut_torn_line, parse_records, to_line


def test_numbers_that_are_not_finite_become_null():
    line = to_line({"index": 1, "energy": math.nan, "cell": [[1.0, math.inf]], "reason": "nan"})
    assert parse_records(line) == [{"index": 1, "energy": None, "cell": [[1.0, None]], "reason": "nan"}]


def test_floats_are_exact():
    assert parse_records(to_line({"index": 0, "energy": 0.1 + 0.2}))[0]["energy"] == 0.1 + 0.2


def test_a_torn_last_line_is_left_out_wherever_it_is_torn():
    first, second = to_line({"index": 0, "energy": -1.5}), to_line({"index": 1, "energy": -2.5})
    for end in range(len(second)):
        assert parse_records(first + second[:end]) == [{"index": 0, "energy": -1.5}]


def test_damaged_lines_are_left_out():
    assert parse_records('\n{"index": 0}\n"text"\n{"ind\n{"index": 2}\n') == [{"index": 0}, {"index": 2}]


def test_cut_torn_line(tmp_path):
    path = tmp_path / "results.jsonl"
    cut_torn_line(path)
    assert not path.exists()
    for text, kept in (("", ""), ('{"index"', ""), ('{"index": 0}\n{"in', '{"index": 0}\n'), ("a\nb\n", "a\nb\n")):
        path.write_text(text)
        cut_torn_line(path)
        assert path.read_text() == kept

"""Steps that are repeated after a crash: nothing is made twice, everything comes from what really made it."""

from __future__ import annotations

import pytest
import replay as harness
from aiida import orm
from aiida.engine import ToContext, WorkChain, append_, calcfunction
from replay import replay_thoroughly

from aiida_polymorph.workflows.children import run_once, submit_once


@calcfunction
def double(number: orm.Int) -> orm.Int:
    """Return twice a number."""
    return orm.Int(2 * number.value)


@calcfunction
def split(number: orm.Int) -> dict[str, orm.Int]:
    """Return a number in two parts."""
    return {"half": orm.Int(number.value // 2), "rest": orm.Int(number.value - number.value // 2)}


class Leaf(WorkChain):
    """Doubles a number."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("number", valid_type=orm.Int)
        spec.output("result", valid_type=orm.Int)
        spec.outline(cls.double)

    def double(self):
        self.out("result", run_once(self, "double", double, number=self.inputs.number))


class Careful(WorkChain):
    """Starts everything under a label."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("number", valid_type=orm.Int)
        spec.output("result", valid_type=orm.Int)
        spec.outline(cls.begin, cls.hand_out)

    def begin(self):
        parts = run_once(self, "split", split, number=self.inputs.number)
        for name in sorted(parts):
            self.to_context(leaves=append_(submit_once(self, f"leaf_{name}", Leaf, number=parts[name])))

    def hand_out(self):
        self.out("result", self.ctx.leaves[-1].outputs.result)


class DirectFunction(Careful):
    """Calls a calcfunction itself."""

    def begin(self):
        parts = split(self.inputs.number)
        return ToContext(leaves=append_(submit_once(self, "leaf", Leaf, number=parts["rest"])))


class DirectChild(Careful):
    """Submits a child itself."""

    def begin(self):
        parts = run_once(self, "split", split, number=self.inputs.number)
        label = {"call_link_label": "leaf"}
        return ToContext(leaves=append_(self.submit(Leaf, number=parts["rest"], metadata=label)))


class Restless(Careful):
    """Has another label whenever the step is repeated."""

    def begin(self):
        label = f"split_{len(self.node.called)}"
        parts = run_once(self, label, split, number=self.inputs.number)
        return ToContext(leaves=append_(submit_once(self, "leaf", Leaf, number=parts["rest"])))


def builder_of(process):
    builder = process.get_builder()
    builder.number = orm.Int(7)
    return builder


def test_a_workchain_that_is_careful_survives():
    node = replay_thoroughly(builder_of(Careful), (Leaf,))
    assert node.outputs.result.value == 8


@pytest.mark.parametrize(
    ("process", "words"),
    [(DirectFunction, "without a label"), (DirectChild, "made twice"), (Restless, "comes to no end")],
)
def test_one_that_is_not_is_found_out(process, words, monkeypatch):
    monkeypatch.setattr(harness, "MOST_DEATHS", 30)
    with pytest.raises(AssertionError, match=words):
        replay_thoroughly(builder_of(process), ())

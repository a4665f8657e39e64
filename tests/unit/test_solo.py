"""The gate opens for one suspect at a time, and only when no lane holds anything."""

from __future__ import annotations

from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from pgmqgen.runtime.parent.solo import SoloGate


def test_a_suspect_waits_until_every_lane_is_quiet() -> None:
    gate = SoloGate(2)
    gate.note("a", True)
    gate.note("b", True)
    gate.add(0, 7)
    assert gate.closed
    assert gate.take() is None, "what was said before the gate closed does not count"
    gate.note("a", True)
    gate.note("b", False)
    assert gate.take() is None
    gate.note("b", True)
    assert gate.take() == (0, 7)
    assert gate.take() is None
    assert gate.closed
    gate.done()
    assert not gate.closed


class Lanes(RuleBasedStateMachine):
    """Lanes that lease while the gate is open, and say whether they hold anything."""

    lanes = Bundle("lanes")

    def __init__(self) -> None:
        super().__init__()
        self.gate = SoloGate(3)
        self.holding = dict.fromkeys("abc", False)
        self.solo: str | None = None
        self.next_id = 0

    @initialize(target=lanes)
    def name_a(self) -> str:
        return "a"

    @initialize(target=lanes)
    def name_b(self) -> str:
        return "b"

    @initialize(target=lanes)
    def name_c(self) -> str:
        return "c"

    @rule(lane=lanes)
    def lease(self, lane: str) -> None:
        if not self.gate.closed:
            self.holding[lane] = True

    @rule(lane=lanes)
    def finish(self, lane: str) -> None:
        if lane == self.solo:
            self.solo = None
            self.gate.done()
        self.holding[lane] = False

    @rule(lane=lanes)
    def suspect(self, lane: str) -> None:
        if self.holding[lane] and self.solo is None:
            self.next_id += 1
            self.gate.add(0, self.next_id)

    @rule(lane=lanes)
    def take_turn(self, lane: str) -> None:
        self.gate.note(lane, not self.holding[lane])
        if self.gate.take() is not None:
            assert self.solo is None
            assert not any(self.holding.values())
            self.solo, self.holding[lane] = lane, True

    @invariant()
    def a_suspect_runs_alone(self) -> None:
        if self.solo is not None:
            assert [lane for lane, holds in self.holding.items() if holds] == [self.solo]


TestLanes = Lanes.TestCase

"""Where looks begin, and how often at the bottom."""

from __future__ import annotations

from pgmqgen.runtime.parent.floor import BOTTOM, Floor


def test_a_look_goes_on_where_the_last_one_came_to() -> None:
    floor = Floor()
    assert floor.choose(100.0) == BOTTOM
    floor.note(BOTTOM, b"noon", 100.0, 100.2)
    assert floor.choose(100.3) == "noon"
    floor.note("noon", b"one", 100.3, 100.4)
    assert floor.choose(102.1) == "one"


def test_looks_from_the_bottom_take_a_tenth_of_the_time() -> None:
    floor = Floor()
    floor.note(BOTTOM, b"noon", 100.0, 100.2)
    assert [floor.choose(now) for now in (100.2, 102.1, 102.3)] == ["noon", "noon", BOTTOM]
    floor.note(BOTTOM, b"noon", 102.3, 112.3)
    assert [floor.choose(now) for now in (117.2, 117.4)] == ["noon", BOTTOM]

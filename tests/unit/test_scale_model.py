"""The model of docs/scaling.md: what each bound is, and what changes move the prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.scale.model import Costs, Setup, bounds, limit, need, predict

COSTS = Costs(server_us=20.0, parent_us=10.0, child_us=30.0, crowd_us=1.0, batch=250.0)
SETUP = Setup(
    hosts=2, processes=4, host_cores=4.0, server_cores=2.0, commit_ms=2.0, round_trip_ms=1.0
)


def test_each_bound_is_what_one_part_can_take_alone() -> None:
    found = bounds(COSTS, SETUP)
    # Four lanes: two more than one host has, each of which makes the server's work 1 µs longer.
    assert found["server"] == pytest.approx(2e6 / 22)
    assert found["hosts"] == pytest.approx(2 * 4e6 / 40)
    assert found["parents"] == pytest.approx(2 * 1e6 / 10)
    assert found["handlers"] == pytest.approx(8 * 1e6 / 30)
    # A statement of 250 messages: 5 ms of the server, 2.5 ms of the parent, 3 ms of waiting.
    assert found["lanes"] == pytest.approx(4 * 250 / 0.0105)


def test_less_than_a_core_makes_every_step_slower() -> None:
    slow = replace(SETUP, host_cores=0.5, server_cores=0.25)
    assert bounds(COSTS, slow)["parents"] == pytest.approx(2 * 0.5e6 / 10)
    assert bounds(COSTS, slow)["lanes"] == pytest.approx(4 * 250 / (0.02 + 0.005 + 0.003))


def test_more_than_a_core_makes_no_single_step_faster() -> None:
    more = replace(SETUP, host_cores=64.0, server_cores=64.0)
    for bound in ("parents", "lanes", "handlers"):
        assert bounds(COSTS, more)[bound] == bounds(COSTS, SETUP)[bound]


def test_a_worker_with_one_process_has_one_lane() -> None:
    one = replace(SETUP, hosts=1, processes=1)
    assert bounds(COSTS, one)["lanes"] == pytest.approx(250 / 0.0105)
    assert bounds(COSTS, one)["server"] == pytest.approx(2e6 / 20)


def test_a_handler_that_waits_holds_its_process_but_no_core() -> None:
    waiting = replace(COSTS, wait_us=970.0)
    assert bounds(waiting, SETUP)["handlers"] == pytest.approx(8 * 1000)
    assert bounds(waiting, SETUP)["hosts"] == bounds(COSTS, SETUP)["hosts"]
    assert limit(waiting, SETUP) == "handlers"


def test_what_is_predicted_is_below_every_bound_and_near_the_least() -> None:
    predicted, least = predict(COSTS, SETUP), min(bounds(COSTS, SETUP).values())
    assert 0.5 * least < predicted < least
    slow = replace(SETUP, server_cores=0.01)
    assert predict(COSTS, slow) == pytest.approx(bounds(COSTS, slow)["server"], rel=0.01)


def test_hosts_help_until_the_server_is_the_limit() -> None:
    costs = replace(COSTS, crowd_us=0.0)
    rates = [predict(costs, replace(SETUP, hosts=hosts, host_cores=0.5)) for hosts in (1, 2, 4, 64)]
    assert rates[1] == pytest.approx(2 * rates[0], rel=0.1)
    assert rates[-1] == pytest.approx(bounds(costs, SETUP)["server"], rel=0.01)
    assert limit(costs, replace(SETUP, hosts=64)) == "server"


def test_lanes_that_meet_at_the_server_make_it_slower() -> None:
    few, many = (replace(SETUP, hosts=hosts, server_cores=0.25) for hosts in (4, 16))
    assert predict(COSTS, many) < predict(COSTS, few)


def test_what_is_needed_keeps_everything_below_its_bound() -> None:
    found = need(replace(COSTS, wait_us=970.0), 34_000, waits_ms=3.0)
    assert found.server_cores == pytest.approx(34 / 35)
    assert found.host_cores == pytest.approx(2 * 34 / 35)
    assert found.processes == 49
    assert found.workers == 2  # two lanes each, of which a message takes 42 µs
    assert need(COSTS, 34_000, waits_ms=30.0).workers == 4

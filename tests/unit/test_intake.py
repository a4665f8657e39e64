"""How much a lane leases, by how fast the handlers are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database.sql import LARGE
from pgmqgen.runtime.parent.delivery import Account, Delivery
from pgmqgen.runtime.parent.intake import ASYNC_LIMIT, MAX_BATCH, MOST_BYTES, Intake


def intake(**state: object) -> Intake:
    return Intake(number=0, settings=QueueSettings(name="q"), **state)  # type: ignore[arg-type]


def delivery(*, size: int) -> Delivery:
    return Delivery(
        number=0, msg_id=7, read_ct=2, account=Account(0, 0, 1), row=None, lease_until=0, size=size,
    )  # fmt: skip


def settled(state: Intake, seconds: float) -> Intake:
    for _ in range(40):
        state.learn(10, 10 * seconds)
    return state


def test_fast_handlers_get_full_batches_and_slow_ones_one_message_a_slot() -> None:
    assert settled(intake(), 0.00002).wanted(1, 0.1) == MAX_BATCH
    assert settled(intake(), 0.0095).wanted(1, 0.1) == 10
    assert settled(intake(), 0.09).wanted(1, 0.1) == 2
    assert settled(intake(), 5.0).wanted(1, 0.1) == 1
    assert settled(intake(), 5.0).wanted(4, 0.4) == 4


def test_nothing_is_leased_while_enough_is_in_hand() -> None:
    assert settled(intake(in_hand=1), 5.0).wanted(1, 0.1) == 0
    assert settled(intake(in_hand=6), 0.0095).wanted(1, 0.1) == 0
    assert settled(intake(in_hand=4), 0.0095).wanted(1, 0.1) == 6


def test_the_next_batch_of_fast_messages_is_leased_while_one_is_left() -> None:
    assert settled(intake(in_hand=MAX_BATCH), 0.00002).wanted(1, 0.1) == MAX_BATCH
    assert settled(intake(in_hand=MAX_BATCH + 1), 0.00002).wanted(1, 0.1) == 0
    assert settled(intake(in_hand=2 * MAX_BATCH), 0.00002).wanted(3, 0.3) == MAX_BATCH


def test_a_queue_may_limit_its_batches() -> None:
    def limited(in_hand: int) -> Intake:
        settings = QueueSettings(name="q", batch_size=3)
        return settled(Intake(number=0, settings=settings, in_hand=in_hand), 0.00002)

    assert [limited(in_hand).wanted(1, 0.1) for in_hand in (0, 1, 2)] == [3, 3, 0]


def test_async_handlers_fill_the_loop_up_to_its_limit() -> None:
    assert intake(is_async=True).wanted(2, 0.1) == MAX_BATCH
    assert intake(is_async=True, in_hand=2 * ASYNC_LIMIT - 200).wanted(2, 0.1) == 200
    assert intake(is_async=True, in_hand=2 * ASYNC_LIMIT).wanted(2, 0.1) == 0


def test_large_payloads_are_leased_few_at_a_time() -> None:
    state = settled(intake(), 0.00002)
    held = [delivery(size=2**20) for _ in range(14)]
    state.take(held)
    assert state.room == MOST_BYTES - 14 * 2**20
    assert state.wanted(2, 0.1) == 0
    for each in held:
        state.part([each])
    assert (state.room, state.wanted(2, 0.1)) == (MOST_BYTES, MAX_BATCH)


def test_payloads_that_only_the_processes_load_are_few_at_a_time() -> None:
    state = intake(is_async=True)
    for _ in range(13):
        state.take([delivery(size=LARGE)])
    assert state.wanted(2, 0.1) == 0


def test_one_slow_message_does_not_starve_a_fast_queue_for_long() -> None:
    state = settled(intake(), 0.0001)
    state.learn(1, 60.0)
    assert state.wanted(1, 0.1) == 1
    for _ in range(40):
        state.learn(1, 0.0001)
    assert state.wanted(1, 0.1) > 100


@given(
    st.floats(0, 1000), st.integers(0, 5000), st.integers(1, 64), st.booleans(), st.floats(0, 10)
)
def test_what_is_wanted_stays_within_bounds(
    seconds: float, in_hand: int, slots: int, is_async: bool, budget_s: float
) -> None:
    state = intake(in_hand=in_hand, is_async=is_async)
    state.learn(1, seconds)
    assert 0 <= state.wanted(slots, budget_s) <= MAX_BATCH
    if not in_hand:
        assert state.wanted(slots, budget_s) >= 1


def test_an_intake_is_idle_when_all_is_settled() -> None:
    state, done = intake(), delivery(size=1)
    assert state.idle
    state.acknowledge([done], 1.0)
    assert not state.idle
    assert ([d.msg_id for d in state.acks], state.acked_since) == ([7], 1.0)

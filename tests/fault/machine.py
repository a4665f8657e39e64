"""Random leases, expiries, crashes and settlements by several workers, held against a model.

The statements are the real ones, on the real server; time passes by moving `vt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pgmqgen.errors import DatabaseError, LeaseLost, Violation
from pgmqgen.runtime.child.acknowledgement import Acknowledgement
from pgmqgen.runtime.database.layout import CURRENT
from pgmqgen.runtime.database.postgres import fetch
from pgmqgen.runtime.outcome import (
    Archive,
    DeadLetter,
    Decision,
    Delete,
    Failed,
    Failure,
    Invalid,
    Release,
    decide,
)
from pgmqgen.runtime.parent.delivery import Delivery, read_account
from pgmqgen.runtime.parent.lease_store import Row
from tests.fault.bench import LONG_S, MAX_ATTEMPTS, SETTINGS, WORKERS, Bench, as_message
from tests.fault.model import ABSENT, TIME, Lease, Sent

_ROOM = 1_000_000
_PAYLOADS = [
    '"text \\u00e4 \\ud83d\\ude00"',
    '{"big": 123456789012345678901234567890.12345678901234567890, "b": 1e3, "a": [null, true]}',
    "[" * 200 + "]" * 200,
]
_HEADERS = [
    ABSENT, {}, None, ["a", 1], "text", {"tenant": "acme", "traceparent": "00-1"},
    {"x-pgmqgen": {"schema": "f00d", "version": 1}, "tenant": "acme"},
    {"x-pgmqgen": 7, "x-pgmqgen-headers": "theirs"},
]  # fmt: skip
_FAILURES = [
    Failure("exception", "ValueError: \N{SNOWMAN}", "Traceback: ..."),
    Failure("timeout", "over its time limit"),
    Failure("invalid", "broken", errors=(Violation("/a", "required", "it is missing"),)),
]
_DECIDE: dict[str, Callable[[int, Failure, float], Decision]] = {
    "delete": lambda attempt, failure, delay_s: Delete(),
    "archive": lambda attempt, failure, delay_s: Archive(),
    "archive failed": lambda attempt, failure, delay_s: Archive(failure),
    "dead-letter": lambda attempt, failure, delay_s: DeadLetter(failure),
    "release": lambda attempt, failure, delay_s: Release(delay_s),
    "fail": lambda attempt, failure, delay_s: decide(
        SETTINGS["delete"], attempt, Failed(failure, "retry", delay_s)
    ),
    "invalid": lambda attempt, failure, delay_s: decide(
        SETTINGS["delete"], attempt, Invalid(failure)
    ),
}
_LOCK_NOT_AVAILABLE = "55P03"

workers = st.integers(0, WORKERS - 1)
delays = st.sampled_from([0.0, LONG_S])
# A number picks from whatever there is, so that what is drawn hangs on nothing that the server does.
picks = st.integers(0, 3) | st.integers(0, 2**16)
some = st.lists(picks, min_size=1, max_size=3)
ends = st.sampled_from([*_DECIDE, *["dead-letter", "archive failed"] * 3])


class Machine(RuleBasedStateMachine):
    """Workers that lease, die, come late and repeat themselves."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        bench.clear()
        self.messages: list[Sent] = []
        self.leases: list[Lease] = []
        self.open: dict[int, tuple[Lease, Decision]] = {}  # by worker: what its handler commits
        self.due: dict[int, Any] = {}  # by id of a message in the queue: its vt

    # What happens to messages besides the workers

    @initialize(
        count=st.integers(1, 2),
        payload=st.sampled_from(_PAYLOADS),
        headers=st.sampled_from(_HEADERS),
    )
    def begin(self, count: int, payload: str, headers: Any) -> None:
        for _ in range(count):
            self._send(payload, headers, 0.0)

    @precondition(lambda self: len(self._queued()) < 3)
    @rule(payload=st.sampled_from(_PAYLOADS), headers=st.sampled_from(_HEADERS), delay_s=delays)
    def send(self, payload: str, headers: Any, delay_s: float) -> None:
        self._send(payload, headers, delay_s)

    def _send(self, payload: str, headers: Any, delay_s: float) -> None:
        id_, written = self.bench.send(len(self.messages), payload, headers, delay_s)
        self.messages.append(Sent(id_, written, headers, visible=delay_s == 0))

    @precondition(lambda self: any(not (m.visible or m.locked) for m in self._queued()))
    @rule(all_=st.booleans(), pick=picks)
    def time_passes(self, all_: bool, pick: int) -> None:
        """A lease or a delay runs out, or all do."""
        waiting = [m for m in self._queued() if not (m.visible or m.locked)]
        for message in waiting if all_ else [_picked(waiting, pick)]:
            self._pass_time(message)

    @precondition(lambda self: any(m.lease and not m.locked for m in self._queued()))
    @rule(worker=workers, pick=picks)
    def take_over(self, worker: int, pick: int) -> None:
        """A lease runs out while its worker is frozen, and another gets the message."""
        leased = [m for m in self._queued() if m.lease and not m.locked]
        message = _picked(leased, pick)
        self._pass_time(message)
        self._lease_one(worker, message)

    @precondition(lambda self: any(m.place == "dead" for m in self.messages))
    @rule(pick=picks)
    def redrive(self, pick: int) -> None:
        message = _picked([m for m in self.messages if m.place == "dead"], pick)
        message.place = "redriven"
        redriven = self.bench.redrive(message.id)
        self.messages.append(Sent(redriven, message.payload, message.headers))

    # What workers do

    @rule(
        worker=workers,
        acks=st.just([]) | some,
        quantity=st.integers(0, 3),
        to=st.sampled_from([*SETTINGS]),
    )
    def exchange(self, worker: int, acks: list[int], quantity: int, to: str) -> None:
        acked = self._beside(acks) if acks and self.leases else []
        worker = acked[0].worker if acked else worker
        ids = [lease.delivery.msg_id for lease in acked]
        read_counts = [lease.delivery.read_ct for lease in acked]
        store = self.bench.stores[worker]
        call = partial(store.exchange, SETTINGS[to], ids, read_counts, quantity, _ROOM)
        answer = self._call(acked, call)
        if answer is not None:
            applied, rows = answer
            assert applied == sum(lease.holds for lease in acked)
            free = [m for m in self.messages if m.free and m.id not in ids]
            assert len(rows) == min(quantity, len(free))
            taken = {row[0] for row in rows}
            due = sorted(self.due[message.id] for message in free)
            assert sorted(self.due[id_] for id_ in taken) == due[:quantity]
            for lease in acked:
                lease.apply(Delete() if to == "delete" else Archive())
            for row in rows:
                self._take(worker, row)

    @precondition(lambda self: self.messages)
    @rule(worker=workers, pick=picks)
    def lease_one(self, worker: int, pick: int) -> None:
        self._lease_one(worker, _picked(self.messages, pick))

    def _lease_one(self, worker: int, message: Sent) -> None:
        waits = message.lease if message.visible else None
        call = partial(self.bench.stores[worker].lease_one, SETTINGS["delete"], message.id)
        row = self._call([waits] if waits else [], call)
        assert (row is not None) == message.free
        if row is not None:
            self._take(worker, row)

    @precondition(lambda self: self.leases)
    @rule(chosen=some, what=ends, failure=st.sampled_from(_FAILURES), delay_s=delays)
    def settle(self, chosen: list[int], what: str, failure: Failure, delay_s: float) -> None:
        self._settle(chosen, what, failure, delay_s)

    @precondition(lambda self: self.leases)
    @rule(chosen=some, failure=st.sampled_from(_FAILURES), delay_s=delays)
    def fail(self, chosen: list[int], failure: Failure, delay_s: float) -> None:
        self._settle(chosen, "fail", failure, delay_s)

    @precondition(lambda self: self.leases)
    @rule(chosen=some, delay_s=delays)
    def release(self, chosen: list[int], delay_s: float) -> None:
        self._settle(chosen, "release", _FAILURES[0], delay_s)

    def _settle(self, chosen: list[int], what: str, failure: Failure, delay_s: float) -> None:
        leases = self._beside(chosen)
        decided = [
            (lease, _DECIDE[what](lease.delivery.account.attempt, failure, delay_s))
            for lease in leases
        ]
        alike = [pair for pair in decided if type(pair[1]) is type(decided[0][1])]
        pairs = [(lease.delivery, decision) for lease, decision in alike]
        store = self.bench.stores[leases[0].worker]
        call = partial(store.settle, SETTINGS["delete"], pairs)
        answer = self._call([lease for lease, _ in alike], call)
        if answer is not None:
            assert answer == sum(lease.holds for lease, _ in alike)
            for lease, decision in alike:
                lease.apply(decision)

    @precondition(lambda self: self.leases)
    @rule(pick=picks, verb=st.sampled_from(["delete", "archive"]))
    def act_at_once(self, pick: int, verb: str) -> None:
        """What `message.delete()` and `message.archive()` have the parent do."""
        lease = _picked(self._remembered, pick)
        act = getattr(self.bench.stores[lease.worker], verb)
        applied = self._call([lease], partial(act, SETTINGS["delete"], lease.delivery))
        if applied is not None:
            assert applied == lease.holds
            lease.apply(Delete() if verb == "delete" else Archive())

    @precondition(lambda self: self.leases)
    @rule(chosen=some, seconds=delays)
    def extend(self, chosen: list[int], seconds: float) -> None:
        """As the parent does by itself, and for `message.set_timeout()`."""
        leases = self._beside(chosen)
        store = self.bench.stores[leases[0].worker]
        deliveries = [lease.delivery for lease in leases]
        extended = store.extend(SETTINGS["delete"], deliveries, seconds)
        holding = [lease for lease in leases if lease.holds]
        assert extended == {lease.delivery.key for lease in holding if not lease.message.locked}
        found = store.find_held(SETTINGS["delete"], deliveries)
        assert found == {lease.delivery.key for lease in holding}
        for lease in holding:
            if not lease.message.locked:
                lease.message.visible = seconds == 0

    @precondition(lambda self: self.leases)
    @rule(pick=picks)
    def crash(self, pick: int) -> None:
        """A worker forgets what it has leased, and what its handlers have not committed goes."""
        worker = _picked(self.leases, pick).worker
        if worker in self.open:
            self._end(worker, commits=False)
        self.leases = [lease for lease in self.leases if lease.worker != worker]

    # What handlers do

    @precondition(lambda self: any(lease.worker not in self.open for lease in self.leases))
    @rule(pick=picks, archives=st.booleans())
    def acknowledge(self, pick: int, archives: bool) -> None:
        """In a transaction that stays open for now."""
        lease = _picked([each for each in self._remembered if each.worker not in self.open], pick)
        handler = self.bench.handlers[lease.worker]
        handler.execute("BEGIN")
        try:
            statement = Acknowledgement(
                as_message(lease.delivery), archive=CURRENT if archives else None
            )
            statement.check(fetch(handler, statement.call))
        except LeaseLost:
            handler.execute("ROLLBACK")
            assert not lease.holds
        except psycopg.errors.LockNotAvailable:
            handler.execute("ROLLBACK")
            assert lease.blocked
        else:
            self.open[lease.worker] = lease, Archive() if archives else Delete()
            assert lease.holds
            assert not lease.message.locked
            lease.message.locked = True

    @precondition(lambda self: self.open)
    @rule(pick=picks, commits=st.booleans())
    def end_transaction(self, pick: int, commits: bool) -> None:
        self._end(_picked(list(self.open), pick), commits)

    # What must hold after each step

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        rows = self.bench.look()
        self.due = {row[1]: row[-1] for row in rows if row[0] == "queue"}
        there = [m for m in self.messages if m.place in ("queue", "archive", "dead")]
        found = sorted((place, id_) for place, id_, *_ in rows)
        assert found == sorted((message.place, message.id) for message in there)
        by_id = {message.id: message for message in there}
        for place, id_, read_ct, visible, payload, headers, _ in rows:
            message = by_id[id_]
            assert payload == message.payload
            assert _untimed(headers) == message.headers
            if place != "dead":
                assert read_ct == message.leases
            if place == "queue":
                assert visible == message.visible
                assert message.attempts < MAX_ATTEMPTS

    def _call(self, leases: Sequence[Lease], call: Callable[[], Any]) -> Any:
        """The answer of a worker's statement; None if it gave up waiting for a handler's lock."""
        try:
            answer = call()
        except DatabaseError as error:
            if error.sqlstate == _LOCK_NOT_AVAILABLE and any(lease.blocked for lease in leases):
                return None
            raise AssertionError("refused what should have worked") from error
        assert not any(lease.blocked for lease in leases)
        return answer

    def _queued(self) -> list[Sent]:
        return [message for message in self.messages if message.place == "queue"]

    def _pass_time(self, message: Sent) -> None:
        message.visible = True
        self.bench.make_due(message.id)

    def _end(self, worker: int, commits: bool) -> None:
        lease, decision = self.open.pop(worker)
        self.bench.handlers[worker].execute("COMMIT" if commits else "ROLLBACK")
        lease.message.locked = False
        if commits:
            lease.apply(decision)

    @property
    def _remembered(self) -> list[Lease]:
        """All leases of living workers: settled ones, then lost ones, then those that hold."""
        return sorted(self.leases, key=lambda each: (each.message.place == "queue") + each.holds)

    def _beside(self, chosen: list[int]) -> list[Lease]:
        """Some leases that one worker remembers."""
        first: Lease = _picked(self._remembered, chosen[0])
        remembered = [lease for lease in self._remembered if lease.worker == first.worker]
        return [*dict.fromkeys([first, *(_picked(remembered, pick) for pick in chosen[1:])])]

    def _take(self, worker: int, row: Row) -> None:
        msg_id, read_ct, _, _, recorded, _, raw = row
        (message,) = (each for each in self.messages if each.id == msg_id)
        delivery = Delivery(
            number=0,
            msg_id=msg_id,
            read_ct=read_ct,
            account=read_account(read_ct, recorded),
            row=row,
            lease_until=0.0,
        )
        lease = message.take(worker, delivery)
        assert read_ct == message.leases
        assert delivery.account == lease.account
        assert raw.decode() == message.payload
        self.leases.append(lease)


def _picked(things: Sequence[Any], pick: int) -> Any:
    """One of them; small numbers pick the last."""
    return things[-1 - pick % len(things)]


def _untimed(headers: Any) -> Any:
    reserved = headers.get("x-pgmqgen") if isinstance(headers, dict) else None
    if not isinstance(reserved, dict):
        return headers
    times = {key: TIME for key in ("enqueued_at", "failed_at") if key in reserved}
    return headers | {"x-pgmqgen": reserved | times}

"""Sends the messages: a backlog before the worker starts, and waves while it runs.

Imported once the project is compiled, for it imports the generated producers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from types import TracebackType
from typing import Any, Self

from generated.order_events import OrderEventsProducer
from generated.render_report import RenderReportProducer
from generated.send_email import SendEmailProducer
from pgmqgen.demo import payloads
from pgmqgen.demo.balance import Fate, Sent
from pgmqgen.runtime.client.producer import Producer
from pgmqgen.runtime.database.postgres import connect

_WAVES = 30
_BATCH_SIZE = 500
_SEND = """
SELECT pgmq.send(%s, given.message::jsonb)
FROM unnest(%s::text[]) WITH ORDINALITY AS given (message, position) ORDER BY position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many messages one queue gets.

    backlog, invalid: before the worker starts; by the producer, and by plain SQL past it
    wave: with each wave while the worker runs; waves_apart: 2 means every other wave
    """

    backlog: int
    invalid: int
    wave: int
    waves_apart: int = 1

    @property
    def total(self) -> int:
        return self.backlog + self.invalid + self.wave * (_WAVES // self.waves_apart)


PLANS = {
    "send_email": Plan(backlog=4000, invalid=24, wave=20),
    "order_events": Plan(backlog=2400, invalid=12, wave=10),
    "render_report": Plan(backlog=50, invalid=2, wave=1, waves_apart=6),
}


class Traffic:
    """Sends to the example queues; `sent` says by queue what, and what is to become of it."""

    def __init__(self, url: str) -> None:
        self.sent = {queue: Sent() for queue in PLANS}
        self._url = url
        self._waves = 0
        self._producers: dict[str, Producer[Any]] = {
            "send_email": SendEmailProducer(url),
            "order_events": OrderEventsProducer(url),
            "render_report": RenderReportProducer(url),
        }
        self._payloads: dict[str, Iterator[tuple[Any, Fate]]] = {
            "send_email": payloads.emails(count()),
            "order_events": payloads.order_events(count()),
            "render_report": payloads.reports(count()),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for producer in self._producers.values():
            producer.close()

    @property
    def finished(self) -> bool:
        """Whether everything has been sent."""
        return self._waves == _WAVES

    def send_backlog(self) -> None:
        """Send what waits for the worker, the invalid messages in the middle of it."""
        for queue, plan in PLANS.items():
            self._send(queue, plan.backlog // 2)
            self._send_invalid(queue, plan.invalid)
            self._send(queue, plan.backlog - plan.backlog // 2)

    def send_wave(self) -> None:
        """Send a few messages to each queue."""
        self._waves += 1
        for queue, plan in PLANS.items():
            if self._waves % plan.waves_apart == 0:
                self.sent[queue].in_waves.update(self._send(queue, plan.wave))

    def _send(self, queue: str, number: int) -> list[int]:
        ids: list[int] = []
        while len(ids) < number:
            size = min(_BATCH_SIZE, number - len(ids))
            batch = list(islice(self._payloads[queue], size))
            sent = self._producers[queue].send_batch(payload for payload, _ in batch)
            fates = (fate for _, fate in batch)
            self.sent[queue].fates.update(zip(sent, fates, strict=True))
            ids += sent
        return ids

    def _send_invalid(self, queue: str, number: int) -> None:
        texts = payloads.INVALID[queue]
        chosen = [texts[index % len(texts)] for index in range(number)]
        with connect(self._url) as connection:
            rows = connection.execute(_SEND, [queue, chosen]).fetchall()
        self.sent[queue].fates.update((msg_id, "invalid") for (msg_id,) in rows)

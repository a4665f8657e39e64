"""What the demo sends: payloads of the three example queues, and what is to become of each.

The payload alone decides, through the example handlers: an address that bounces, a currency
without a rate, a report that takes too much memory. Imported once the project is compiled.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from generated.order_events import OrderCancelled, OrderCreated, OrderEvent, OrderLine, OrderPaid
from generated.order_events.models import Money
from generated.render_report import RenderReport
from generated.render_report.models import Column
from generated.send_email import SendEmail
from pgmqgen.demo.balance import Fate

INVALID = {
    "send_email": (
        '{"to": "nobody", "subject": "no address", "body": ""}',
        '{"subject": "no recipient at all"}',
        '"not an object"',
    ),
    "order_events": (
        '{"type": "order_lost", "order_id": "ord_1"}',
        '{"type": "order_cancelled", "order_id": "17", "reason": "rain"}',
    ),
    "render_report": ('{"report_id": "42", "rows": 0, "format": "pdf"}',),
}
"""JSON that breaks the schemas of its queue: no producer would send it."""

_PAID_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
_ROWS = 150_000
"""Of the smallest report."""
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def emails(numbers: Iterable[int]) -> Iterator[tuple[SendEmail, Fate]]:
    """E-mails: some are greylisted once, some bounce, some servers stay down."""
    for number in numbers:
        domain, fate = _mail_domain(number)
        to = f"customer{number}@{domain}"
        subject = f"Your order {number}"
        yield SendEmail(to=to, subject=subject, body="Thank you!", priority="normal"), fate


def order_events(numbers: Iterable[int]) -> Iterator[tuple[OrderEvent, Fate]]:
    """Orders created, paid and cancelled in turn; some payments fail once, some always."""
    for number in numbers:
        match number % 3:
            case 0:
                yield _created(number), "handled"
            case 1:
                currency = "XAU" if number % 300 == 1 else "EUR"
                yield _paid(number, currency), "handled" if currency == "EUR" else "dead_lettered"
            case _:
                yield OrderCancelled(type="order_cancelled", order_id=f"ord_{number}"), "handled"


def reports(numbers: Iterable[int]) -> Iterator[tuple[RenderReport, Fate]]:
    """Reports of different sizes; one in fifty is so wide that it kills its process."""
    for number in numbers:
        wide = number % 50 == 25
        report = RenderReport(
            report_id=uuid.uuid5(_NAMESPACE, str(number)),
            rows=_ROWS + number % 7 * _ROWS // 10,
            output="pdf",
            columns=[Column(name="amount", width=1_000_000 if wide else 80)],
        )
        yield report, "dead_lettered" if wide else "handled"


def _mail_domain(number: int) -> tuple[str, Fate]:
    if number % 100 == 7:
        return "greylist.example", "handled"
    if number % 250 == 11:
        return "bounce.example", "dead_lettered"
    if number % 500 == 23:
        return "down.example", "dead_lettered"
    return "mail.example", "handled"


def _created(number: int) -> OrderCreated:
    price = Money(amount=100 + number % 900, currency="EUR")
    line = OrderLine(sku=f"sku-{number % 40}", quantity=1 + number % 3, price=price)
    return OrderCreated(type="order_created", order_id=f"ord_{number}", lines=[line])


def _paid(number: int, currency: str) -> OrderPaid:
    busy = "busy" if number % 60 == 31 else ""
    total = Money(amount=100 + number % 900, currency=currency)
    order_id = f"ord_{number}{busy}"
    return OrderPaid(type="order_paid", order_id=order_id, total=total, paid_at=_PAID_AT)

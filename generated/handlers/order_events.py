"""The handler of queue `order_events`. This file is yours; `pgmqgen generate` keeps it.

The payload is a union: `match` narrows it to one type of event, and the type checker says if
one is forgotten.
"""

from __future__ import annotations

import logging
from typing import assert_never

from pgmqgen import Context, Message

from ..order_events import OrderCancelled, OrderCreated, OrderEvent, OrderPaid

log = logging.getLogger(__name__)

_UNITS_PER_EURO = {"EUR": 100, "USD": 108, "JPY": 163}


def handle(message: Message[OrderEvent], context: Context) -> None:
    """Book what happened to an order."""
    match message.payload:
        case OrderCreated(order_id=order_id, lines=lines):
            total = sum(line.quantity * line.price.amount for line in lines)
            log.info(
                "%s: reserved %d line(s) of %s, %d in all", message, len(lines), order_id, total
            )
        case OrderPaid() as paid:
            euros = _to_euros(paid)
            _capture(paid, message.attempt)
            log.info("%s: captured %.2f EUR for %s", message, euros, paid.order_id)
        case OrderCancelled(order_id=order_id, reason=reason):
            log.info("%s: released the stock of %s (%s)", message, order_id, reason or "no reason")
        case _:
            assert_never(message.payload)


def _to_euros(paid: OrderPaid) -> float:
    """Raise for a currency without a rate: each attempt fails until somebody adds one."""
    if paid.total.currency not in _UNITS_PER_EURO:
        raise LookupError(f"no exchange rate for `{paid.total.currency}`")
    return paid.total.amount / _UNITS_PER_EURO[paid.total.currency]


def _capture(paid: OrderPaid, attempt: int) -> None:
    """Stand in for a payment provider, which is sometimes busy; put your client here."""
    if paid.order_id.endswith("busy") and attempt == 1:
        raise TimeoutError("the payment provider did not answer")

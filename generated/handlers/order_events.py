"""The handler of queue `order_events`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..order_events import OrderCancelled, OrderCreated, OrderEvent, OrderPaid


def handle(message: Message[OrderEvent], context: Context) -> None:
    """Handle one message of queue `order_events`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    match message.payload:
        case OrderCreated():
            raise NotImplementedError("handle `OrderCreated` of queue `order_events` here")
        case OrderPaid():
            raise NotImplementedError("handle `OrderPaid` of queue `order_events` here")
        case OrderCancelled():
            raise NotImplementedError("handle `OrderCancelled` of queue `order_events` here")

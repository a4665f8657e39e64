"""The handler of queue `customer-changed`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..customer_changed import CustomerChanged


def handle(message: Message[CustomerChanged], context: Context) -> None:
    """Handle one message of queue `customer-changed`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `customer-changed` here")

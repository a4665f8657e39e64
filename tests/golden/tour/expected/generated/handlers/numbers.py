"""The handler of queue `numbers`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..numbers import Numbers


def handle(message: Message[Numbers], context: Context) -> None:
    """Handle one message of queue `numbers`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `numbers` here")

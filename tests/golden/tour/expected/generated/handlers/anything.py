"""The handler of queue `anything`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..anything import Anything


def handle(message: Message[Anything], context: Context) -> None:
    """Handle one message of queue `anything`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `anything` here")

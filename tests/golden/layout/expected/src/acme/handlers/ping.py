"""The handler of queue `ping`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from acme.queues.ping import Ping


def handle(message: Message[Ping], context: Context) -> None:
    """Handle one message of queue `ping`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `ping` here")

"""The handler of queue `message`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..message import Message as MessagePayload


def handle(message: Message[MessagePayload], context: Context) -> None:
    """Handle one message of queue `message`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `message` here")

"""The handler of queue `send_email`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..send_email import SendEmail


def handle(message: Message[SendEmail], context: Context) -> None:
    """Handle one message of queue `send_email`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `send_email` here")

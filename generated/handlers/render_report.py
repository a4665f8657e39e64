"""The handler of queue `render_report`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from pgmqgen import Context, Message

from ..render_report import RenderReport


def handle(message: Message[RenderReport], context: Context) -> None:
    """Handle one message of queue `render_report`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    raise NotImplementedError("handle messages of queue `render_report` here")

"""The handler of queue `events`. This file is yours; `pgmqgen generate` keeps it."""

from __future__ import annotations

from typing import assert_never

from pgmqgen import Context, Message

from ..events import Click, Events, PageViewed


def handle(message: Message[Events], context: Context) -> None:
    """Handle one message of queue `events`; `async def` works too.

    Returning acknowledges the message. Raise `pgmqgen.Retry` to try again later,
    `pgmqgen.Reject` to dead-letter it at once; any other exception retries with backoff.
    """
    match message.payload:
        case PageViewed():
            raise NotImplementedError("handle `PageViewed` of queue `events` here")
        case Click():
            raise NotImplementedError("handle `Click` of queue `events` here")
        case _:
            assert_never(message.payload)

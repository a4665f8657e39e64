"""The handler of queue `send_email`. This file is yours; `pgmqgen generate` keeps it.

An `async def` handler: one process waits for many mail servers at once.
"""

from __future__ import annotations

import asyncio
import logging

from pgmqgen import Context, Message, Reject, Retry

from ..send_email import SendEmail

log = logging.getLogger(__name__)


async def handle(message: Message[SendEmail], context: Context) -> None:
    """Send one e-mail."""
    mail = message.payload
    await _deliver(mail, message.attempt)
    log.info("%s: sent `%s` to %s", message, mail.subject, mail.to)


async def _deliver(mail: SendEmail, attempt: int) -> None:
    """Stand in for the mail servers of the world; put your client here."""
    await asyncio.sleep(0.005)
    match mail.to.rpartition("@")[2]:
        case "bounce.example":  # no second try can help: to the dead letters at once
            raise Reject(f"550 5.1.1 <{mail.to}>: no such user")
        case "greylist.example" if attempt == 1:  # the server says when to come back
            raise Retry("451 4.7.1 greylisted, come back later", delay=0.3)
        case "down.example":  # retried with the queue's backoff, `max_attempts` times in all
            raise ConnectionError("cannot connect to mx.down.example")

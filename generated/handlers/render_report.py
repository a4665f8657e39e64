"""The handler of queue `render_report`. This file is yours; `pgmqgen generate` keeps it.

Work that keeps a processor busy: the worker's processes share it out over the cores.
"""

from __future__ import annotations

import logging
import os
import signal
import zlib

from pgmqgen import Context, Message

from ..render_report import RenderReport

log = logging.getLogger(__name__)

_WIDEST_PAGE = 10_000


def handle(message: Message[RenderReport], context: Context) -> None:
    """Render one report."""
    report = message.payload
    checksum = _render(report)
    name = f"{report.report_id}.{report.output or 'pdf'}"
    log.info("%s: rendered %s, checksum %08x", message, name, checksum)


def _render(report: RenderReport) -> int:
    """Stand in for a renderer; put yours here."""
    widths = [column.width or 80 for column in report.columns or []]
    if sum(widths) > _WIDEST_PAGE:
        _exhaust_memory()
    checksum = 0
    for row in range(report.rows):
        checksum = zlib.crc32(f"{row};{row * row}\n".encode(), checksum)
    return checksum


def _exhaust_memory() -> None:
    """End as Linux ends a process that takes too much memory: at once, and without a word."""
    os.kill(os.getpid(), signal.SIGKILL)

"""The settings of a queue's table that `tables` tries, and the flows of messages that it tries them on."""

from __future__ import annotations

from dataclasses import dataclass

BATCH = 1000
LARGE = 8000
DEFAULT = "as pgmq makes it"

_TABLE = "ALTER TABLE pgmq.q_bench"
SETTINGS = {
    DEFAULT: "SELECT",
    "`fillfactor` 85": f"{_TABLE} SET (fillfactor = 85)",
    "`fillfactor` 70": f"{_TABLE} SET (fillfactor = 70)",
    "`fillfactor` 50": f"{_TABLE} SET (fillfactor = 50)",
    "`fillfactor` 50, index on `vt`": "ALTER INDEX pgmq.q_bench_vt_idx SET (fillfactor = 50)",
    "`fillfactor` 50, primary key": "ALTER INDEX pgmq.q_bench_pkey SET (fillfactor = 50)",
    "vacuum scale factor 0.02": f"{_TABLE} SET (autovacuum_vacuum_scale_factor = 0.02)",
    "vacuum threshold 10,000, scale factor 0": f"{_TABLE} SET "
    "(autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)",
    "vacuum cost delay 0": f"{_TABLE} SET (autovacuum_vacuum_cost_delay = 0)",
    "vacuum cost limit 2,000": f"{_TABLE} SET (autovacuum_vacuum_cost_limit = 2000)",
    "never analysed": f"{_TABLE} SET (autovacuum_analyze_threshold = 2000000000)",
    "no statistics of messages": f"{_TABLE} ALTER message SET STATISTICS 0, "
    "ALTER headers SET STATISTICS 0",
    "`autovacuum_enabled` off": f"{_TABLE} SET (autovacuum_enabled = off)",
    "`vacuum_truncate` off": f"{_TABLE} SET (vacuum_truncate = off)",
    "`vacuum_index_cleanup` on": f"{_TABLE} SET (vacuum_index_cleanup = on)",
    "`toast_tuple_target` 128": f"{_TABLE} SET (toast_tuple_target = 128)",
    "`toast_tuple_target` 8160": f"{_TABLE} SET (toast_tuple_target = 8160)",
    "`STORAGE EXTERNAL`": f"{_TABLE} ALTER message SET STORAGE EXTERNAL",
}
"""What is tried, and the statement that sets it."""

_FILL = [name for name in SETTINGS if "fillfactor" in name]
_VACUUM = [name for name in SETTINGS if "vacuum" in name or "statistics" in name or "never" in name]
_TOAST = [name for name in SETTINGS if "toast" in name or "STORAGE" in name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How messages come and go.

    size: of a message, in bytes; messages: how many are handled
    sent: how many a statement sends
    backlog: whether all are sent before the first is leased; then only what comes after is measured
    delayed: messages besides, not due for a day
    leases: of each message, which fails all times but the last
    """

    title: str
    tried: list[str]
    size: int
    messages: int
    sent: int = BATCH
    backlog: bool = False
    delayed: int = 0
    leases: int = 1


FLOWS = {
    "drained": Flow(
        title="drain of a backlog", tried=_FILL, size=1000, messages=60_000, backlog=True
    ),
    "deep": Flow(
        title="drain of a backlog",
        tried=["vacuum scale factor 0.02", "vacuum cost delay 0", "no statistics of messages"],
        size=200,
        messages=1_000_000,
        backlog=True,
    ),
    "steady": Flow(title="steady flow", tried=_FILL + _VACUUM, size=200, messages=100_000),
    "single": Flow(
        title="steady flow, sent one by one", tried=_FILL, size=1000, messages=10_000, sent=1
    ),
    "waiting": Flow(
        title="steady flow beside 300,000 delayed messages",
        tried=_VACUUM,
        size=200,
        messages=60_000,
        delayed=300_000,
    ),
    "retried": Flow(
        title="each message leased 4 times",
        tried=_VACUUM,
        size=200,
        messages=20_000,
        backlog=True,
        leases=4,
    ),
    "large": Flow(title="steady flow", tried=_TOAST, size=LARGE, messages=8_000),
}

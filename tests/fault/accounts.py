"""Breaks a running worker in each of the ways there are, and accounts for every message.

Handlers write a ledger, and a trigger notes what leaves the queue. `python -m tests.fault.accounts`
prints what was lost, what was acknowledged without its lease, what ran twice, and how long the longest
pause was once the fault was over: the table of docs/guarantees.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgmqgen import local
from pgmqgen.stage.project import unwinding_once
from tests.fault.faults import FAULTS, LEASE_S, fill_disk, missing, restart_pooler
from tests.fault.harness import Shop
from tests.fault.pgbouncer import PgBouncer
from tests.fault.proxy import Proxy

_PAUSE_S = 0.05
_WORK_S = 0.004
_DISK_MB = 220
_NOTE_REMOVALS = """
CREATE TABLE removals (id int, read_count int, at float8);
CREATE FUNCTION note_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO removals
    SELECT (OLD.message ->> 'id')::int, OLD.read_ct, extract(epoch FROM clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER note_removal AFTER DELETE ON pgmq.q_orders FOR EACH ROW
EXECUTE FUNCTION note_removal();
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the messages under one fault.

    unfenced: how many left the queue under a lease whose handler had not ended
    twice: how many were begun more than once
    recovery_s: the longest time after the end of the fault in which no message was handled
    """

    fault: str
    sent: int
    lost: int
    unfenced: int
    twice: int
    recovery_s: float


class Trial:
    """A worker that is started again whenever it ends, on a server of its own, behind a proxy.

    count: of the messages sent so far
    pooler: what the proxy leads to, if it is not the server itself
    """

    def __init__(
        self, folder: Path, data: Path, url: str, proxy: Proxy, pooler: PgBouncer | None
    ) -> None:
        self.shop = Shop(folder, url)
        self.data = data
        self.proxy = proxy
        self.pooler = pooler
        self.count = 0
        parts = conninfo_to_dict(url)
        self._url = make_conninfo(
            dbname=parts["dbname"], user="postgres", host="127.0.0.1", port=proxy.port
        )
        self._done = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    def run(self, name: str, fault: Callable[[Trial], float], count: int) -> Account:
        """Send messages, break something once they flow, and wait until all are handled."""
        settings = {"visibility_timeout": LEASE_S, "max_attempts": 5}
        self.shop.add_queues({"orders": settings})
        self.shop.execute(_NOTE_REMOVALS)
        self.send(count)
        self.worker = self.start()
        self._keeper.start()
        try:
            self.wait_until(lambda: self._handled() >= count / 10)
            healed_at = fault(self)
            self.wait_until(lambda: self._handled() >= self.count and self._left() == 0, 90)
        finally:
            self._done.set()
            self._keeper.join()
            self.shop.stop()
        return self._settle_account(name, healed_at)

    def send(self, count: int, seconds: float = _WORK_S) -> None:
        """Send messages that take so long."""
        ids = range(self.count, self.count + count)
        self.shop.send("orders", [{"id": i, "do": "sleep", "seconds": seconds} for i in ids])
        self.count += count

    def start(self, *, within: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start one more worker; within: a command around it."""
        return self.shop.start(within=within, database_url=self._url)

    def wait_until(self, condition: Callable[[], bool], most_s: float = 30) -> None:
        """Wait; after too long go on, and let the account say what is missing."""
        deadline = time.monotonic() + most_s
        while time.monotonic() < deadline and not condition():
            time.sleep(_PAUSE_S)

    def _keep(self) -> None:
        """What a supervisor does."""
        while not self._done.wait(_PAUSE_S):
            if self.worker.poll() is not None:
                self.worker = self.start()

    def _handled(self) -> int:
        return len({line.id for line in self.shop.ledger("end")})

    def _left(self) -> int:
        with suppress(psycopg.Error):
            return self.shop.count("q_orders") + self.shop.count("q_orders_dlq")
        return -1

    def _settle_account(self, name: str, healed_at: float) -> Account:
        begun = Counter(line.id for line in self.shop.ledger("begin"))
        ends = sorted({healed_at, *(line.at for line in self.shop.ledger("end"))})
        later = [at for at in ends if at >= healed_at]
        return Account(
            fault=name,
            sent=self.count,
            lost=self.count - self._handled() + max(0, self._left()),
            unfenced=self._unfenced(),
            twice=sum(1 for times in begun.values() if times > 1),
            recovery_s=max((b - a for a, b in pairwise(later)), default=0.0),
        )

    def _unfenced(self) -> int:
        """A lease is named by the message and its read count."""
        ended = {(line.id, line.read_count): line.at for line in self.shop.ledger("end")}
        removals = self.shop.execute("SELECT id, read_count, at FROM removals WHERE id >= 0")
        return sum(1 for id_, count, at in removals if ended.get((id_, count), at) >= at)


def account_for(fault: str, folder: Path, directory: Path, count: int) -> Account:
    """Run one trial; folder: for the project, directory: for the server."""
    act = FAULTS[fault]
    with ExitStack() as stack:
        if act is fill_disk:
            stack.enter_context(_small_disk(directory))
        url = stack.enter_context(local.serve(directory))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
        pooler = stack.enter_context(PgBouncer(url)) if act is restart_pooler else None
        parts = conninfo_to_dict(pooler.url if pooler else url)
        proxy = stack.enter_context(Proxy(f"{parts['host']}/.s.PGSQL.{parts['port']}"))
        return Trial(folder, directory / "data", url, proxy, pooler).run(fault, act, count)


@contextmanager
def _small_disk(directory: Path) -> Iterator[None]:
    options = f"size={_DISK_MB}m,mode=711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@unwinding_once()
def main() -> None:
    """Print the table of all faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("faults", nargs="*", default=list(FAULTS), metavar="fault")
    arguments: Any = parser.parse_args()
    print("| fault | sent | lost | without its lease | begun twice | longest pause after it, s |")
    print("|---|---|---|---|---|---|")
    for fault in arguments.faults:
        if (reason := missing(fault)) is not None:
            print(f"{fault}: {reason}; left out", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o711)
            found = account_for(fault, Path(folder), Path(directory), arguments.messages)
        print(
            f"| {fault} | {found.sent} | {found.lost} | {found.unfenced} | {found.twice} "
            f"| {found.recovery_s:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

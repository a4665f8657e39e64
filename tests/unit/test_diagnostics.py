"""Diagnostics and their printers."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pgmqgen.diagnostics import Diagnostic, print_diagnostics

FIRST = Diagnostic(
    path="schemas/order.json",
    line=14,
    column=17,
    code="PGQ103",
    message="property `total` has no `type`",
    hint='add "type": "number"',
)
LATER = replace(FIRST, line=114, hint=None)


def test_text_is_sorted_and_without_duplicates(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([LATER, FIRST, LATER])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "schemas/order.json:14:17: PGQ103 property `total` has no `type`\n"
        '  help: add "type": "number"\n'
        "schemas/order.json:114:17: PGQ103 property `total` has no `type`\n"
    )


def test_a_warning_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([replace(LATER, severity="warning")])
    assert ": PGQ103 warning: property" in capsys.readouterr().err


def test_nothing_to_print(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([])
    assert capsys.readouterr().err == ""


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([LATER, FIRST], form="json")
    assert [item["line"] for item in json.loads(capsys.readouterr().err)] == [14, 114]


def test_github_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnostics([replace(FIRST, path="a,b:c", message="100%\nsure")], form="github")
    assert capsys.readouterr().err == (
        "::error file=a%2Cb%3Ac,line=14,col=17,title=PGQ103::"
        '100%25%0Asure%0Ahelp: add "type": "number"\n'
    )


def _show(folder: Path, line: str, column: int, message: str = "bad") -> list[str]:
    (folder / "a.json").write_text(f"\n{line}\n", encoding="utf-8")
    printed = io.StringIO()
    found = replace(FIRST, path="a.json", line=2, column=column, message=message, hint=None)
    print_diagnostics([found], stream=printed, root=folder)
    return printed.getvalue().splitlines()


def test_the_line_is_shown_and_marked(tmp_path: Path) -> None:
    assert _show(tmp_path, '  "ab": true', 3)[1:] == [
        "    |",
        '  2 |   "ab": true',
        "    |   ^^^^",
    ]


def test_a_long_line_is_clipped_around_its_place(tmp_path: Path) -> None:
    _, _, shown, mark = _show(tmp_path, "x " * 3000 + "here" + " y" * 3000, 6001)
    assert len(shown) < 120
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "here"


def test_nothing_steers_the_terminal(tmp_path: Path) -> None:
    lines = _show(tmp_path, '"\x1b[2J"', 1, "unknown `\x1b[2J\n`")
    assert lines[0].endswith(r"unknown `\x1b[2J\n`")
    assert all("\x1b" not in line for line in lines)


def test_a_file_that_is_gone_shows_no_line(tmp_path: Path) -> None:
    printed = io.StringIO()
    print_diagnostics([LATER], stream=printed, root=tmp_path)
    assert printed.getvalue().count("\n") == 1

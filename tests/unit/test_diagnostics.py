"""Diagnostics and their printers."""

from __future__ import annotations

import json
from dataclasses import replace

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

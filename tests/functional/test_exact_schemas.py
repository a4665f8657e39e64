"""Numbers of a schema that no double holds: exact from the file to the verdict."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from pgmqgen import InvalidMessage

Run = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = """{
  "title": "Measure",
  "description": "What was measured.",
  "type": "object",
  "required": ["amount"],
  "additionalProperties": false,
  "properties": {
    "amount": {"type": "number", "maximum": 9007199254740993.5},
    "count": {"type": "integer", "minimum": -9223372036854775809, "maximum": 100000000000000000000},
    "unit": {"type": "number", "multipleOf": 0.12345678901234567891, "exclusiveMinimum": 0.0},
    "far": {"type": "number", "exclusiveMaximum": 1e400, "default": 1e399},
    "fixed": {"const": 0.12345678901234567891},
    "listed": {"enum": [1e400, 12345678901234567890123.5, "none"]},
    "long": {"type": "integer", "maximum": %s}
  },
  "examples": [{"amount": 9007199254740993.25}]
}"""
NINES = "9" * 5000
YAML = """
type: object
properties:
  amount: {type: number, maximum: 9007199254740993.5}
"""
VALID = [
    '{"amount": 9007199254740993.5}',
    '{"amount": 1, "count": 100000000000000000000}',
    '{"amount": 1, "count": -9223372036854775809}',
    '{"amount": 1, "unit": 0.24691357802469135782}',
    '{"amount": 1, "far": 9.999e399}',
    '{"amount": 1, "fixed": 0.123456789012345678910}',
    '{"amount": 1, "listed": 12345678901234567890123.50}',
    '{"amount": 1, "listed": 10e399}',
    f'{{"amount": 1, "long": {NINES}}}',
]
INVALID = [
    '{"amount": 9007199254740993.51}',
    '{"amount": 9007199254740994}',
    '{"amount": 1, "count": 100000000000000000001}',
    '{"amount": 1, "count": -9223372036854775810}',
    '{"amount": 1, "unit": 0.24691357802469135783}',
    '{"amount": 1, "far": 1e400}',
    '{"amount": 1, "fixed": 0.12345678901234567892}',
    '{"amount": 1, "listed": 12345678901234567890123.51}',
    f'{{"amount": 1, "long": 1{NINES}}}',
]


def test_bounds_are_exact(
    tmp_path: Path, run_pgmqgen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("schemas").mkdir()
    Path("schemas/measure.json").write_text(SCHEMA % NINES)
    Path("schemas/plain.yaml").write_text(YAML)
    Path("pgmqgen.toml").write_text('output = "exact_measures"\n')
    for command in (["generate"], ["generate", "--check"], ["docs"]):
        done = run_pgmqgen(*command)
        assert done.returncode == 0, done.stderr
    _check_verdicts()
    _check_output(Path("exact_measures"), Path("site"))


def _check_verdicts() -> None:
    registry = importlib.import_module("exact_measures.registry").registry
    spec = registry["measure"]
    for raw in VALID:
        sent = json.loads(spec.encode(spec.decode(raw)), parse_float=Decimal, parse_int=Decimal)
        assert sent == json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    for raw in INVALID:
        with pytest.raises(InvalidMessage):
            spec.decode(raw)
    plain = registry["plain"]
    plain.decode('{"amount": 9007199254740993.5}')
    with pytest.raises(InvalidMessage):
        plain.decode('{"amount": 9007199254740993.6}')


def _check_output(package: Path, site: Path) -> None:
    source = (package / "measure" / "validator.py").read_text()
    assert 'Decimal("9007199254740993.5")' in source
    source = (package / "plain" / "validator.py").read_text()
    assert "from decimal import Decimal\nfrom typing import Any\n" in source
    pages = [path.read_text() for path in site.rglob("*.html")]
    assert any("9007199254740993.5" in page for page in pages)
    assert not any("Decimal(&#39;" in page for page in pages)

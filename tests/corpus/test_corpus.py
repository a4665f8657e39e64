"""Published schemas: all of them compile, and their documents survive a round trip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from hypothesis_jsonschema._resolve import HypothesisRefResolutionError
from jsonschema.exceptions import SchemaError
from pydantic import TypeAdapter

from pgmqgen import Contract
from pgmqgen.cli.app import run
from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.registry import Registry
from tests.corpus.project import documents, make_project
from tests.equality import exact

pytestmark = pytest.mark.timeout(600)


_RULES = "E,F,W,I,N8,UP,B,SIM,C4,RUF,PIE,RET,A"
_IGNORED = "E501,RUF001,RUF002,RUF003,N815,UP040"
"""Rules on what schemas say: descriptions and names. And one that Python 3.11 cannot follow."""
_SOAK = pytest.mark.soak
_VERSIONS = ["3.11", pytest.param("3.13", marks=_SOAK)]
_PYRIGHT = {"typeCheckingMode": "strict"}


@pytest.fixture(scope="module", params=[3, pytest.param(1, marks=_SOAK)], ids="1/{}".format)
def every(request: pytest.FixtureRequest) -> int:
    """One schema in so many is tried."""
    found: int = request.param
    return found


@pytest.fixture(scope="module")
def project(every: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"corpus_{every}_")


@pytest.fixture(scope="module")
def registry(project: Path, every: int) -> Iterator[Registry]:
    names = make_project(project, every)
    package = f"corpus_{every}"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        assert run(["generate"]) == 0
        (project / "generated").rename(project / package)
        patch.syspath_prepend(project)
        registry: Registry = import_module(f"{package}.registry").registry
        assert sorted(registry) == sorted(names)
        assert len(names) >= 200 // every
        yield registry


def test_every_model_describes_itself(registry: Registry) -> None:
    for name in registry:
        TypeAdapter(registry[name].contract.payload).json_schema()  # raises if a name is missing


def test_valid_documents_round_trip(registry: Registry, every: int) -> None:
    tried = 0
    for name, path in documents():
        document = _parse(path)
        if name not in registry or not _is_valid(registry, name, document):
            continue
        contract = registry[name]
        payload = contract.decode(json.dumps(document))
        assert json.loads(contract.encode(payload)) == document, (name, path)
        tried += 1
    assert tried >= {1: 342, 3: 111}[every]


@pytest.mark.filterwarnings("ignore:Got pattern:UserWarning")  # like \p{L}, which it leaves out
@pytest.mark.parametrize(
    ("largest", "examples", "enough"),
    [(1_500, 3, {1: 30, 3: 7}), pytest.param(8_000, 10, {1: 55, 3: 10}, marks=_SOAK)],
)
def test_made_up_instances_round_trip(
    registry: Registry, every: int, largest: int, examples: int, enough: dict[int, int]
) -> None:
    contracts = [registry[name].contract for name in registry]
    small = [each for each in contracts if len(json.dumps(each.schema)) <= largest]
    tried = sum(_try_instances(contract, examples) for contract in small)
    assert tried >= enough[every]


def _try_instances(contract: Contract[Any], examples: int) -> bool:
    """Try instances of a schema; False if hypothesis-jsonschema can make none."""

    @seed(1)
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        value = data.draw(from_schema(contract.schema))
        try:
            contract.validate(value)
        except InvalidMessage:  # it knows no formats
            return
        text = json.dumps(value)
        assume(r"\u0000" not in text)
        assert exact(json.loads(contract.encode(contract.decode(text)))) == exact(value)

    try:
        check()
    except (
        HypothesisRefResolutionError,
        SchemaError,
    ):  # references in a circle; patterns like \p{L}
        return False
    return True


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.usefixtures("registry")
def test_ruff_and_mypy_find_nothing(project: Path, every: int, version: str) -> None:
    package = f"corpus_{every}"
    target = f"--target-version=py{version.replace('.', '')}"
    rules = (f"--select={_RULES}", f"--ignore={_IGNORED}", "--line-length=100")
    _check(project, "ruff", "check", "--isolated", "--no-cache", target, *rules, package)
    options = ("--strict", "--config-file=", f"--python-version={version}")
    _check(project, "mypy", *options, package)


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.usefixtures("registry")
def test_pyright_finds_nothing(project: Path, every: int, version: str) -> None:
    settings = {**_PYRIGHT, "include": [f"corpus_{every}"], "pythonVersion": version}
    (project / "pyrightconfig.json").write_text(json.dumps(settings))
    _check(project, "basedpyright", f"--pythonpath={sys.executable}")


def _check(project: Path, tool: str, *arguments: str) -> None:
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix in (".json", ".ipynb"):
            return json.loads(text)
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (ValueError, yaml.YAMLError):
        return None


def _is_valid(registry: Registry, name: str, document: Any) -> bool:
    try:
        registry[name].validate(document)
    except InvalidMessage:
        return False
    return True

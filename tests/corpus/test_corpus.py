"""Published schemas: all of them compile, and their documents survive a round trip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pgmqgen.cli.app import run
from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.registry import Registry
from tests.corpus.project import documents, make_project

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("corpus")
    names = make_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["generate"]) == 0
        (folder / "generated").rename(folder / "corpus_generated")
        patch.syspath_prepend(folder)
        registry: Registry = import_module("corpus_generated.registry").registry
        assert sorted(registry) == sorted(names)
        assert len(names) >= 200
        yield registry


def test_every_model_describes_itself(registry: Registry) -> None:
    for name in registry:
        TypeAdapter(registry[name].contract.payload).json_schema()  # raises if a name is missing


def test_valid_documents_round_trip(registry: Registry) -> None:
    tried = 0
    for name, path in documents():
        document = _parse(path)
        if name not in registry or not _is_valid(registry, name, document):
            continue
        contract = registry[name]
        payload = contract.decode(json.dumps(document))
        assert json.loads(contract.encode(payload)) == document, (name, path)
        tried += 1
    assert tried >= 300


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

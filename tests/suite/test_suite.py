"""The JSON-Schema-Test-Suite through generated projects.

(a) a generated validator's verdict is the suite's; (b) a valid instance decodes, and encodes back
to an equal JSON value. What departs from that is in docs/fidelity.md, and nothing else is.
"""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgmqgen import Contract, InvalidMessage, PayloadTypeError, Registry
from tests.equality import exact
from tests.suite.exceptions import exceptions
from tests.suite.suite import FOLDERS, FORMATS, OPTIONAL, REQUIRED, Case, make_project

FEWEST = {REQUIRED: 600, OPTIONAL: 90, FORMATS: 100}

_NAMES = {REQUIRED: "required", OPTIONAL: "optional", FORMATS: "formats"}
_IN_SHORT = {("draft2020-12", part) for part in FEWEST} | {
    ("draft7", REQUIRED),
    ("draft4", REQUIRED),
}
"""What the drafts between these say is said in one of them; `make soak` runs the rest."""
_PROJECTS = [
    pytest.param(
        draft, part, id=f"{draft}-{_NAMES[part]}",
        marks=[] if (draft, part) in _IN_SHORT else pytest.mark.soak,
    )
    for draft in FOLDERS
    for part in FEWEST
]  # fmt: skip


@pytest.mark.parametrize(("draft", "part"), _PROJECTS)
def test_generated_projects_pass(
    draft: str,
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_pgmqgen: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    package = "suite_" + "".join(filter(str.isalnum, draft + part))
    cases = make_project(tmp_path, draft, part, output=package)
    assert len(cases) > FEWEST[part]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    done = run_pgmqgen("generate")
    assert done.returncode == 0, done.stderr
    registry = importlib.import_module(f"{package}.registry").registry
    wrong = [case for case in cases if _is_accepted(registry, case) is not case.valid]
    broken = [case for case in cases if case.valid and not _is_kept(registry, case)]
    _compare(wrong, exceptions("Verdicts"), cases)
    _compare(broken, exceptions("Round trips"), cases)


def test_every_exception_is_a_case(tmp_path: Path) -> None:
    names = {
        case.name
        for draft in FOLDERS
        for part in FEWEST
        for case in make_project(tmp_path / draft / part / "project", draft, part, output="x")
    }
    assert exceptions("Verdicts") | exceptions("Round trips") <= names


def _compare(found: list[Case], published: set[tuple[str, str, str]], cases: list[Case]) -> None:
    """What was found is what is published of these cases."""
    assert {case.name for case in found} == published & {case.name for case in cases}


def _is_accepted(registry: Registry, case: Case) -> bool:
    return _is_valid(registry[case.queue].contract, case.instance)


def _is_valid(contract: Contract[Any], value: Any) -> bool:
    try:
        contract.validate(value)
    except InvalidMessage:
        return False
    return True


def _is_kept(registry: Registry, case: Case) -> bool:
    contract = registry[case.queue].contract
    if not _is_valid(contract, case.instance):
        return True  # a matter of the verdict
    try:
        raw = contract.encode(contract.decode(json.dumps(case.instance)))
    except (InvalidMessage, PayloadTypeError):
        return False
    return exact(json.loads(raw)) == exact(case.instance)

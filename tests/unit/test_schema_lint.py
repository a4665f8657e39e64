"""Bad schemas and names: each with its code, its place and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgmqgen.config import load_config
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.errors import ConfigError
from pgmqgen.schema.lint import RULES
from pgmqgen.schema.load import SchemaSet, load


def _load(folder: Path, files: dict[str, Any], configuration: str = "") -> SchemaSet:
    (folder / "pgmqgen.toml").write_text(configuration)
    (folder / "schemas").mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "schemas" / name).write_text(text)
    return load(load_config(folder))


def _brief(found: Diagnostic) -> str:
    return f"{Path(found.path).name}:{found.line}:{found.column} {found.code}"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no schemas folder") as caught:
        load(load_config(tmp_path))
    assert caught.value.hint == "`pgmqgen init` makes a project with an example queue"


def test_good_queues(tmp_path: Path) -> None:
    files = {
        "b.json": {"title": "Some Thing", "x-pgmq": {"queue": "z", "max_attempts": 2}},
        "a.yaml": "type: string",
        "c.json": "true",
        "notes.txt": "not a schema",
    }
    schemas = _load(tmp_path, files, "[defaults]\nmax_attempts = 7\ntimeout = 9\n")
    assert schemas.diagnostics == ()
    assert [queue.name for queue in schemas.queues] == ["a", "c", "z"]
    z = schemas.queues[2]
    assert (z.module, z.class_prefix, z.payload) == ("z", "Z", "SomeThing")
    assert (z.settings.max_attempts, z.settings.timeout) == (2, 9)
    assert schemas.queues[0].settings.max_attempts == 7
    assert z.schema == {"title": "Some Thing"}
    assert len(z.fingerprint) == 16


def test_the_fingerprint_is_of_the_schema_only(tmp_path: Path) -> None:
    first = _load(tmp_path, {"a.json": '{"type": "object", "title": "A"}'}).queues[0]
    text = '{"title":"A","x-pgmq":{"timeout":1},\n"type":"object"}'
    same = _load(tmp_path, {"a.json": text}).queues[0]
    other = _load(tmp_path, {"a.json": '{"type": "array", "title": "A"}'}).queues[0]
    assert first.fingerprint == same.fingerprint != other.fingerprint


DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("text", "expected", "message", "hint"),
    [
        ('{"type": }', "q.json:1:10 PGQ001", "expected a value, got `}`", None),
        ('{"a": 1,\n "a": 2}', "q.json:2:2 PGQ002", "duplicate key `a`", "it is already set in line 1: keep one"),
        ("[1]", "q.json:1:1 PGQ003", "expected a schema, got an array", "a schema is an object, true or false"),
        ('"x"', "q.json:1:1 PGQ003", "expected a schema, got a string", "a schema is an object, true or false"),
        ("null", "q.json:1:1 PGQ003", "expected a schema, got null", "a schema is an object, true or false"),
        ('{"properties":\n {"a": {"type": "strng"}}}', "q.json:2:17 PGQ004", '`type`: expected array, boolean, integer, null, number, object or string, got `"strng"`', "did you mean `string`?"),
        ('{"minLength": "3"}', "q.json:1:15 PGQ004", '`minLength`: expected an integer, got `"3"`', "remove the quotes: 3"),
        ('{"required": ["a", "a"]}', "q.json:1:14 PGQ004", '`required`: ["a","a"] has non-unique elements', None),
        ('{"properties": {"": {"$defs": {"$defs": 1}}}}', "q.json:1:41 PGQ004", "`properties..$defs.$defs`: expected a schema, got `1`", None),
        ('{"properties": {"": {"items": 3}, "items": {}}}', "q.json:1:31 PGQ004", "`properties..items`: expected a schema, got `3`", None),
        (f'{{"$schema": "{DRAFT_7}", "items": 3}}', "q.json:1:65 PGQ004", "`items`:", None),
        ('{"$schema": "https://example.com/mine"}', "q.json:1:13 PGQ005", "unknown draft `https://example.com/mine`", 'write "$schema": "https://json-schema.org/draft/2020-12/schema", or keep a copy of the metaschema in [vendored]'),
        ('{"pattern": "("}', "q.json:1:13 PGQ104", "`(` is not a regular expression", "escape special characters with `\\\\`"),
        ('{"patternProperties": {\n"[": {}}}', "q.json:2:1 PGQ104", "`[` is not a regular expression", "escape special characters with `\\\\`"),
        ('{"x-pgmq": {"visibilty_timeout": 3}}', "q.json:1:13 PGQ301", "unknown key `visibilty_timeout`", "did you mean `visibility_timeout`?"),
        ('{"x-pgmq": {"backoff":\n{"max": "x"}}}', "q.json:2:9 PGQ302", "`backoff.max`: expected a number of at least 0, got the text `x`", None),
        ('{"x-pgmq": 3}', "q.json:1:12 PGQ302", "expected an object, got `3`", None),
        ('{"x-pgmq": {"queue": ""}}', "q.json:1:22 PGQ302", "`queue`: expected the name of a queue, got an empty text", None),
        ('{"x-pgmq": {"schedule": "@daily"}}', "q.json:1:13 PGQ303", "`schedule` is not supported yet", "remove `schedule`"),
        ('{"x-pgmq": {"queue": "Big"}}', "q.json:1:22 PGQ401", "the name `Big` has capitals, which pgmq turns into small letters", 'set "queue": "big" in `x-pgmq`'),
        ('{"x-pgmq": {"queue": "a;b"}}', "q.json:1:22 PGQ401", "pgmq refuses the name `a;b` because of `;`", 'set "queue": "a_b" in `x-pgmq`'),
        ('{"x-pgmq": {"queue": "a--b"}}', "q.json:1:22 PGQ401", "pgmq refuses the name `a--b` because of `--`", 'set "queue": "a_b" in `x-pgmq`'),
        ('{"x-pgmq": {"queue": "class"}}', "q.json:1:22 PGQ403", "`class` cannot be a queue's module: the name is reserved", "rename it, for example to `class_queue`"),
        ('{"x-pgmq": {"queue": "registry"}}', "q.json:1:22 PGQ403", "`registry` cannot be a queue's module: the name is reserved", "rename it, for example to `registry_queue`"),
    ],
)  # fmt: skip
def test_one_bad_file(
    tmp_path: Path, text: str, expected: str, message: str, hint: str | None
) -> None:
    (found,) = _load(tmp_path, {"q.json": text}).diagnostics
    assert _brief(found) == expected
    assert found.message.startswith(message)
    assert found.hint == hint
    assert found.severity == "error"


def test_names_that_are_too_long(tmp_path: Path) -> None:
    long, longer = "q" * 44, "q" * 48
    first, second = _load(tmp_path, {f"{long}.json": "{}", f"{longer}.json": "{}"}).diagnostics
    assert (
        first.message
        == f"dead-letter queue: the name `{long}_dlq` has 48 bytes, and pgmq allows 47"
    )
    assert second.message == f"the name `{longer}` has 48 bytes, and pgmq allows 47"
    assert first.hint == f'set "dead_letter_queue": "{"q" * 43}_dlq" in `x-pgmq`'
    name = "q" * 43
    assert second.hint == f'rename the file to `{name}.json`, or set "queue": "{name}" in `x-pgmq`'
    short = {"x-pgmq": {"dead_letter_queue": "dead"}}
    (tmp_path / "schemas" / f"{longer}.json").unlink()
    assert _load(tmp_path, {f"{long}.json": short}).diagnostics == ()


def test_the_place_of_a_wrong_name_of_a_dead_letter_queue(tmp_path: Path) -> None:
    text = '{"x-pgmq": {\n"dead_letter_queue": "Dead;Letters"}}'
    (found,) = _load(tmp_path, {"q.json": text}).diagnostics
    assert _brief(found) == "q.json:2:22 PGQ401"
    assert found.hint == 'set "dead_letter_queue": "dead_letters" in `x-pgmq`'


def test_length_is_counted_as_postgresql_does(tmp_path: Path) -> None:
    (found,) = _load(tmp_path, {f"{'ö' * 24}.json": "{}"}).diagnostics
    assert (found.code, "has 48 bytes" in found.message) == ("PGQ401", True)


def test_two_files_claim_one_queue(tmp_path: Path) -> None:
    files = {"a.json": "{}", "a.yaml": "{}", "b.json": {"x-pgmq": {"queue": "a"}}}
    first, second = _load(tmp_path, files).diagnostics
    assert _brief(first) == "a.yaml:1:1 PGQ402"
    assert first.message == "`schemas/a.yaml` and `schemas/a.json` both claim queue `a`"
    assert _brief(second) == "b.json:1:22 PGQ402"


def test_one_python_name_for_two(tmp_path: Path) -> None:
    (found,) = _load(tmp_path, {"a-b.json": "{}", "a_b.json": "{}"}).diagnostics
    assert _brief(found) == "a_b.json:1:1 PGQ404"
    assert found.message == "queues `a-b` and `a_b` both become `a_b`"
    assert found.hint == "rename one, for example to `a_b_2`"


def test_a_queue_that_is_anothers_dead_letter_queue(tmp_path: Path) -> None:
    (found,) = _load(tmp_path, {"a.json": "{}", "a_dlq.json": "{}"}).diagnostics
    assert _brief(found) == "a_dlq.json:1:1 PGQ405"
    assert found.message == "queue `a_dlq` is the dead-letter queue of `a`"
    assert found.hint == "set another `dead_letter_queue` in the `x-pgmq` of `schemas/a.json`"


def _write_handler(folder: Path, name: str, text: str) -> None:
    handlers = folder / "generated" / "handlers"
    handlers.mkdir(parents=True, exist_ok=True)
    (handlers / name).write_text(text)


def test_an_orphan_handler(tmp_path: Path) -> None:
    _write_handler(tmp_path, "send_mail.py", "async def handle(message, context): ...\n")
    _write_handler(tmp_path, "common.py", "def rehandle(): ...\n")
    _write_handler(tmp_path, "ping.py", "def handle(message, context): ...\n")
    (found,) = _load(
        tmp_path, {"send_email.json": "{}", "ping.json": "{}", "x.json": "{}"}
    ).diagnostics
    assert (found.path, found.code) == ("generated/handlers/send_mail.py", "PGQ501")
    assert found.message == "there is no queue for the handler `send_mail`"
    assert found.hint == (
        "if the queue was renamed, rename the file to `generated/handlers/send_email.py`"
    )


def test_an_orphan_handler_of_a_queue_that_is_gone(tmp_path: Path) -> None:
    _write_handler(tmp_path, "old.py", "handle = print\n")
    (found,) = _load(tmp_path, {}).diagnostics
    assert found.hint == "delete the file if the queue is gone for good"


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    files = {
        "a.json": '{"type": "strng", "minLength": -1,\n "x-pgmq": {"weight": 1, "kind": 2}}',
        "b.json": "{",
        "c.json": {"$ref": "nowhere.json", "properties": {"x": {"$ref": "http://x.y/z"}}},
        "d.json": {"pattern": "("},
    }
    assert [_brief(found) for found in _load(tmp_path, files).diagnostics] == [
        "a.json:1:10 PGQ004",
        "a.json:1:32 PGQ004",
        "a.json:2:13 PGQ303",
        "a.json:2:34 PGQ302",
        "b.json:1:2 PGQ001",
        "c.json:1:10 PGQ201",
        "c.json:1:55 PGQ202",
        "d.json:1:13 PGQ104",
    ]


@pytest.mark.parametrize("ignored", ["*", "PGQ002"])
def test_rules_that_may_be_switched_off(tmp_path: Path, ignored: str) -> None:
    files = {"q.json": '{"type": "string", "type": "null"}', "r.json": "{"}
    schemas = _load(tmp_path, files, f'[lint]\nignore = ["{ignored}"]\n')
    assert [_brief(found) for found in schemas.diagnostics] == ["r.json:1:2 PGQ001"]
    assert [queue.schema for queue in schemas.queues] == [{"type": "null"}]


def test_what_nothing_satisfies_still_loads(tmp_path: Path) -> None:
    files = {
        "a.json": "false",
        "b.json": {"enum": []},
        "c.json": {"not": {}},
        "d.json": {"$ref": "#"},
    }
    schemas = _load(tmp_path, files, '[lint]\nignore = ["*"]\n')
    assert schemas.diagnostics == ()
    assert len(schemas.queues) == 4


def test_no_schema_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
    assert _load(tmp_path, {"q.json": schema}).diagnostics == ()


def test_codes_have_a_shape() -> None:
    assert all(code.startswith("PGQ") and len(code) == 6 for code in RULES)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ('ignore = ["PGQ02"]', "[lint] ignore: unknown code `PGQ02`"),
        ('select = ["X"]', "[lint] select: unknown code `X`"),
        ('ignore = ["PGQ001"]', "[lint] ignore: `PGQ001` cannot be ignored"),
        ('per-file-ignores = {"a.json" = ["PGQ9"]}', "[lint] per-file-ignores.a.json: unknown code `PGQ9`"),
    ],
)  # fmt: skip
def test_codes_that_the_configuration_may_not_name(
    tmp_path: Path, configuration: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, {"q.json": "{}"}, f"[lint]\n{configuration}\n")
    assert caught.value.message == message
    assert caught.value.hint


def test_rules_that_are_off_in_some_files(tmp_path: Path) -> None:
    twice = '{"type": "string", "type": "null"}'
    configuration = '[lint.per-file-ignores]\n"schemas/a*.json" = ["PGQ002"]\n'
    schemas = _load(tmp_path, {"ab.json": twice, "c.json": twice}, configuration)
    assert [found.path for found in schemas.diagnostics] == ["schemas/c.json"]


def test_a_schemas_folder_beside_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "contracts" / "shared").mkdir(parents=True)
    (tmp_path / "contracts" / "q.json").write_text('{"$ref": "shared/s.json"}')
    (tmp_path / "contracts" / "shared" / "s.json").write_text('{"items": {"$ref": "../q.json"}}')
    (project / "pgmqgen.toml").write_text('schemas = "../contracts"\n')
    schemas = load(load_config(project))
    assert schemas.diagnostics == ()
    assert [queue.label for queue in schemas.queues] == ["../contracts/q.json"]


def test_links_to_one_file_are_queues_of_their_own(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "b.json#/$defs/n"}},
        "$defs": {"n": {"type": "null"}},
    }
    _load(tmp_path, {"a.json": schema})
    (tmp_path / "schemas" / "b.json").symlink_to("a.json")
    schemas = load(load_config(tmp_path))
    assert schemas.diagnostics == ()
    assert [queue.name for queue in schemas.queues] == ["a", "b"]


def _nested(kind: Any) -> dict[str, Any]:
    """An object whose kind is in an object within."""
    meta = {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}
    return {"type": "object", "properties": {"meta": meta}, "required": ["meta"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": ["a"], "allOf": [{"properties": {"a": {}}}], "properties": {}},
        {"type": "object", "properties": {"b": {}}, "required": ["a"], "patternProperties": {"^a": {}}},
        {"type": "object", "properties": {"b": {}}, "required": ["a"], "additionalProperties": {"type": "null"}},
        {"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"properties": {"c": {}}, "required": ["a", "c"]}]},
        {"type": "object", "properties": {"k": {}}, "if": {"properties": {"k": {"const": 1}}}, "then": {"required": ["z"]}},
        {"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}}]},
        {"oneOf": [
            {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
            {"type": "object", "properties": {"b": {}}, "required": ["b"], "additionalProperties": False}]},
        {"oneOf": [
            {"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"k": {"const": 1}}}]},
            {"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"k": {"const": 2}}}]}],
         "$defs": {"base": {"type": "object", "required": ["k"], "properties": {"k": {"type": "integer"}}}}},
        {"oneOf": [_nested({"const": 1}), _nested({"const": 2}), _nested({"not": {"enum": [1, 2]}})]},
        {"oneOf": [_nested({"type": "object", "properties": {"n": {"type": at}}, "required": ["n"]}) for at in ("null", "string")]},
        {"anyOf": [_nested({"const": "a"}), _nested({"not": {"const": "a"}})]},
        {"anyOf": [_nested({"allOf": [{"const": at}, {"enum": [1, 2]}]}) for at in (1, 2)]},
        {"type": "string", "pattern": r"^[\w@:.!?+-]+$", "format": "uuid"},
        {"type": "string", "pattern": r"^(?=.*\d)(?=.*[a-z]).{8,}$"},
        {"type": "string", "pattern": r"^[a-z]+(\.[a-z]+)*$"},
        {"type": "object", "x-owner": "me", "tsType": "Order", "name": "order", "enumNames": []},
        {"type": ["object", "null"], "properties": {"a": {"default": None, "type": ["string", "null"]}}},
        {"$schema": DRAFT_7, "type": "object", "properties": {"a": {"$ref": "#/definitions/a"}}, "definitions": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "examples": [{"next": {"next": {}}}]},
        {"type": "object", "properties": {"never": False}},
    ],
)  # fmt: skip
def test_good_schemas_are_silent(tmp_path: Path, schema: Any) -> None:
    assert [found.message for found in _load(tmp_path, {"q.json": schema}).diagnostics] == []


@pytest.mark.parametrize(
    "branches",
    [
        pytest.param([_nested({"const": 1}), _nested({"enum": [1, 2]})], id="a value of both"),
        pytest.param([_nested({"const": 3}), _nested({"not": {"enum": [1, 2]}})], id="not excluded"),
        pytest.param([_nested({"not": {"const": at}}) for at in (1, 2)], id="two exclude some"),
        pytest.param(
            [_nested({"const": 1}), _nested({"not": {"const": 1, "type": "string"}})],
            id="a not of more than values",
        ),
        pytest.param([_nested({"$ref": "#/$defs/node"})] * 2, id="no end of objects"),
        pytest.param(
            [{"required": ["meta"], "properties": {"meta": {"required": ["k"], "properties": {"k": {"const": at}}}}} for at in (1, 2)],
            id="objects that may be no objects",
        ),
    ],
)  # fmt: skip
def test_branches_that_share_a_value(tmp_path: Path, branches: list[Any]) -> None:
    schema = {"oneOf": branches, "$defs": {"node": _nested({"$ref": "#/$defs/node"})}}
    codes = [found.code for found in _load(tmp_path, {"q.json": schema}).diagnostics]
    assert "PGQ112" in codes


def test_yaml_has_the_same_places(tmp_path: Path) -> None:
    text = "type: object\nrequired:\n- totl\nproperties:\n  total: {type: number, minLenght: 3}\n"
    found = _load(tmp_path, {"q.yaml": text}).diagnostics
    assert [_brief(each) for each in found] == ["q.yaml:3:3 PGQ103", "q.yaml:5:25 PGQ101"]


_MIXIN = {"type": "object", "properties": {"name": {}, "end": {}}}


@pytest.mark.parametrize(
    ("schema", "required"),
    [
        ({**_MIXIN, "required": ["nmae"]}, ["nmae"]),
        ({**_MIXIN, "required": ["kind", "start", "name"]}, []),  # declared where it is added to
        ({**_MIXIN, "required": ["name", "names"]}, []),
        ({**_MIXIN, "required": ["kind"], "additionalProperties": False}, ["kind"]),
        ({"allOf": [{**_MIXIN, "required": ["nmae", "kind"]}]}, ["nmae"]),
        ({"type": "object", "properties": {"a": {**_MIXIN, "required": ["kind"]}}}, ["kind"]),
    ],
)
def test_what_definitions_require(tmp_path: Path, schema: Any, required: list[str]) -> None:
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    (tmp_path / "schemas" / "shared" / "a.json").write_text(json.dumps(schema))
    queue = {"type": "array", "items": {"$ref": "shared/a.json"}, "$defs": {"b": schema}}
    found = _load(tmp_path, {"q.json": queue}).diagnostics
    messages = [f"`required` names `{name}`, which is not declared" for name in required]
    assert [each.message for each in found] == messages * 2


def test_shared_files_are_checked_as_well(tmp_path: Path) -> None:
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    (tmp_path / "schemas" / "shared" / "a.json").write_text('{"type": "string", "minLenght": 3}')
    (found,) = _load(tmp_path, {"q.json": {"$ref": "shared/a.json"}}).diagnostics
    assert (found.path, found.code) == ("schemas/shared/a.json", "PGQ101")

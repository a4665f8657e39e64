"""Definitions that several files refer to: one class, wherever it is used."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from pgmqgen.cli.app import run
from pgmqgen.errors import InvalidMessage

Run = Callable[..., subprocess.CompletedProcess[str]]

_MONEY = {
    "title": "Money",
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "integer"}},
}


class _Generated:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, schemas: dict[str, Any], config: str = "") -> None:
        """Write files and generate."""
        (self.folder / "pgmqgen.toml").write_text(config)
        for name, schema in schemas.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema))
        assert run(["generate"]) == 0

    def load(self, name: str) -> ModuleType:
        """A module of the generated package."""
        return importlib.import_module(f"generated.{name}")

    @property
    def modules(self) -> list[str]:
        found = (self.folder / "generated" / "shared").rglob("*.py")
        base = self.folder / "generated"
        return sorted(path.relative_to(base).as_posix() for path in found)

    def round_trip(self, queue: str, value: Any) -> Any:
        """Decode a message and check that it is written as it came."""
        contract = self.load(queue).contract
        payload = contract.decode(json.dumps(value))
        assert json.loads(contract.encode(payload)) == value
        return payload


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Generated]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    _forget_modules()
    yield _Generated(tmp_path)
    _forget_modules()


def _forget_modules() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "generated"]:
        del sys.modules[name]


def _queue(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_ten_queues_share_one_class(generated: _Generated) -> None:
    queue = _queue(price={"$ref": "shared/money.json"}, many={"items": {"$ref": "#/$defs/m"}})
    queue["properties"]["many"]["type"] = "array"
    queue["$defs"] = {"m": {"$ref": "shared/money.json"}}
    schemas = {f"schemas/q{number}.json": queue for number in range(10)}
    generated.write({**schemas, "schemas/shared/money.json": _MONEY})
    money = generated.load("shared.money").Money
    for number in range(10):
        payload = generated.round_trip(
            f"q{number}", {"price": {"amount": 1}, "many": [{"amount": 2}]}
        )
        assert type(payload.price) is type(payload.many[0]) is money
        assert generated.load(f"q{number}").Money is money
    assert generated.modules == ["shared/__init__.py", "shared/money.py"]


def test_modules_have_small_letters(generated: _Generated) -> None:
    queue = _queue(price={"$ref": "Common/PriceTag.json"})
    generated.write({"schemas/q.json": queue, "schemas/Common/PriceTag.json": _MONEY})
    assert generated.round_trip("q", {"price": {"amount": 1}}).price.amount == 1
    assert generated.load("shared.common.price_tag").Money


def test_the_branches_of_a_shared_union_are_shared(generated: _Generated) -> None:
    branches = [
        {"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}}}
        for kind in ("made", "gone")
    ]
    schemas = {
        "schemas/a.json": {"$ref": "shared/event.json"},
        "schemas/b.json": _queue(events={"type": "array", "items": {"$ref": "shared/event.json"}}),
        "schemas/shared/event.json": {"oneOf": branches},
    }
    generated.write(schemas)
    one = generated.round_trip("a", {"kind": "gone"})
    other = generated.round_trip("b", {"events": [{"kind": "made"}, {"kind": "gone"}]})
    assert type(one) is type(other.events[1]) is generated.load("shared.event").Gone
    assert "discriminator" in (generated.folder / "generated" / "a" / "models.py").read_text()


def test_a_tag_counts_wherever_its_union_stands(generated: _Generated) -> None:
    branches = [
        {"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}}}
        for kind in ("cat", "dog")
    ]
    pet = {"$ref": "shared/pet.json"}
    by_name = {"type": "object", "additionalProperties": pet}
    places = {
        "maybe": ({"oneOf": [{"type": "null"}, pet]}, {"kind": "dog"}),
        "known": ({"oneOf": [{"type": "null"}, {"$ref": "shared/known.json"}]}, {"kind": "dog"}),
        "text": ({"oneOf": [{"type": "string"}, pet]}, {"kind": "dog"}),
        "by_name": (by_name, {"x": {"kind": "dog"}}),
        "lists": ({"type": "array", "items": {"anyOf": [{"type": "array"}, by_name]}}, [{}]),
        "pair": (
            {"type": "array", "prefixItems": [pet], "items": False, "minItems": 1},
            [{"kind": "dog"}],
        ),
        "maybes": ({"type": "array", "items": {"anyOf": [pet, {"type": "null"}]}}, [None]),
    }
    schemas = {
        "schemas/q.json": _queue(**{name: schema for name, (schema, _) in places.items()}),
        "schemas/shared/pet.json": {"oneOf": branches},
        "schemas/shared/known.json": {"oneOf": [{"type": "null"}, {"$ref": "pet.json"}]},
    }
    generated.write(schemas)
    payload = generated.round_trip("q", {name: value for name, (_, value) in places.items()})
    dog = generated.load("shared.pet").Dog
    assert {type(getattr(payload, name)) for name in ("maybe", "known", "text")} == {dog}
    fields = generated.load("q").Q.model_fields
    tagged = {name for name, field in fields.items() if "discriminator=" in repr(field)}
    assert tagged == places.keys()


def test_a_shared_union_has_a_name(generated: _Generated) -> None:
    cat = {**_queue(kind={"const": "cat"}), "required": ["kind"]}
    either = {
        "oneOf": [{"$ref": "cat.json"}, {"required": ["kind"], **_queue(kind={"const": "dog"})}]
    }
    maybe = {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/pet"}]}
    untagged = {"anyOf": [_queue(a={}), {"type": "string"}, {"type": "null"}]}
    defs = {
        "pet": either,
        "maybe_pet": maybe,
        "value": untagged,
        "only": {**cat, "type": ["null", "object"]},
    }
    schemas = {
        "schemas/q.json": _queue(
            **{name: {"$ref": f"shared/pets.json#/$defs/{name}"} for name in defs}
        ),
        "schemas/shared/pets.json": {"$defs": defs},
        "schemas/shared/cat.json": cat,
    }
    generated.write(schemas)
    value = {"pet": {"kind": "dog"}, "maybe_pet": None, "value": {"a": 1}, "only": {"kind": "cat"}}
    payload = generated.round_trip("q", value)
    pets = generated.load("shared.pets")
    assert get_args(get_args(pets.Pet)[0]) == (generated.load("shared.cat").Cat, type(payload.pet))
    assert repr(pets.MaybePet) == f"typing.Optional[{pets.Pet!r}]"
    assert get_args(pets.Value) == (type(payload.value), str, type(None))
    assert type(payload.only) is pets.Only


def test_files_in_a_circle_have_their_own_names(generated: _Generated) -> None:
    node = {"title": "Node", "type": "object", "required": []}
    union = {"anyOf": [{"$ref": "a.json"}, {"$ref": "b.json"}, {"$ref": "money.json"}]}
    schemas = {
        "schemas/q.json": _queue(b={"$ref": "shared/b.json"}),
        "schemas/p.json": _queue(any={"$ref": "shared/b.json#/$defs/any"}),
        "schemas/shared/a.json": {**node, "properties": {"b": {"$ref": "b.json#/$defs/any"}}},
        "schemas/shared/b.json": {
            **node,
            "properties": {"a": {"$ref": "a.json"}},
            "$defs": {"any": union, "money": {"$ref": "money.json"}},
        },
        "schemas/shared/money.json": _MONEY,
        "schemas/r.json": _queue(money={"$ref": "shared/b.json#/$defs/money"}),
    }
    generated.write(schemas)
    payload = generated.round_trip("q", {"b": {"a": {"b": {"amount": 1}}}})
    a, b = generated.load("shared.a"), generated.load("shared.b")
    assert type(payload.b) is b.Node is generated.load("q").Node
    assert type(payload.b.a) is a.Node is not b.Node
    assert set(get_args(b.Any2)) == {a.Node, b.Node, generated.load("shared.money").Money}
    assert type(generated.round_trip("r", {"money": {"amount": 1}}).money).__name__ == "Money"


def test_files_that_refer_to_each_other(generated: _Generated) -> None:
    schemas = {
        "schemas/tree.json": _queue(leaf={"$ref": "shared/leaf.json"}, twig={"$ref": "#"}),
        "schemas/wood.json": _queue(trees={"items": {"$ref": "tree.json"}, "type": "array"}),
        "schemas/shared/leaf.json": _queue(on={"$ref": "../tree.json"}, by={"$ref": "bug.json"}),
        "schemas/shared/bug.json": _queue(eats={"$ref": "leaf.json"}),
    }
    generated.write(schemas)
    value = {"leaf": {"by": {"eats": {"on": {}}}}, "twig": {}}
    tree = generated.round_trip("tree", value)
    wood = generated.round_trip("wood", {"trees": [value]})
    assert type(tree) is type(wood.trees[0]) is type(tree.leaf.by.eats.on)
    assert type(tree) is generated.load("tree").Tree is generated.load("shared.tree").Tree
    assert type(tree.leaf.by) is generated.load("shared.bug").Bug
    expected = ["__init__", "bug", "leaf", "tree"]
    assert generated.modules == [f"shared/{name}.py" for name in expected]


def test_names_that_meet(generated: _Generated) -> None:
    schemas = {
        "schemas/money.json": _queue(
            a={"$ref": "shared/money.json"},
            b={"$ref": "shared/old/money.json"},
            c={"type": "object", "title": "Money", "properties": {"own": {"type": "string"}}},
        ),
        "schemas/shared/money.json": _MONEY,
        "schemas/shared/old/money.json": {**_MONEY, "required": []},
    }
    generated.write(schemas)
    value = {"a": {"amount": 1}, "b": {}, "c": {"own": "x"}}
    payload = generated.round_trip("money", value)
    assert type(payload) is generated.load("money").Money
    assert type(payload.a) is generated.load("shared.money").Money
    assert type(payload.b) is generated.load("shared.old.money").Money
    assert payload.c.own == "x"


_ORDERS = {
    "type": "object",
    "properties": {"item": _queue(root={"type": "integer"})},
    "$defs": {
        "order": _queue(item=_queue(a={"type": "integer"}), list={"$ref": "#/$defs/list"}),
        "list": {"type": "array", "items": {"title": "Item", **_queue(b={"type": "integer"})}},
        "item": _queue(c={"type": "integer"}, more={"$ref": "more.json#/$defs/item"}),
        "more": {"$ref": "more.json"},
    },
}
_MORE = {
    **_queue(item=_queue(d={"type": "integer"}), orders={"$ref": "orders.json#/$defs/list"}),
    "$defs": {"item": _queue(e={"type": "integer"})},
}


def test_names_depend_on_the_files_alone(generated: _Generated) -> None:
    shared = {"schemas/shared/orders.json": _ORDERS, "schemas/shared/more.json": _MORE}
    refs = [f"orders.json#/$defs/{name}" for name in ("order", "list", "item", "more")]
    refs += ["orders.json", "more.json", "orders.json#/properties/item", "more.json#/$defs/item"]
    seen: dict[str, str] = {}
    for first, ref in enumerate(refs):
        wanted = (ref, *refs[:first])
        queues = {
            f"schemas/q{place}.json": _queue(x={"$ref": f"shared/{each}"})
            for place, each in enumerate(wanted)
        }
        generated.write({**queues, **shared})
        for path in (generated.folder / "generated" / "shared").rglob("*.py"):
            for name, text in _classes(path).items():
                assert seen.setdefault(f"{path.stem}.{name}", text) == text, (wanted, path, name)
    inside = {"more.MoreItem", "more.OrdersItem", "more.OrderItem"}
    assert {"more.Item", "more.Item2", "more.Item3"} | inside < seen.keys()


def _classes(path: Path) -> dict[str, str]:
    body = ast.parse(path.read_text()).body
    return {node.name: ast.unparse(node) for node in body if isinstance(node, ast.ClassDef)}


def test_definitions_get_their_names_before_what_is_inside_of_others(
    generated: _Generated,
) -> None:
    schemas = {
        "schemas/q.json": _queue(a={"$ref": "shared/orders.json#/$defs/item"}),
        "schemas/shared/orders.json": _ORDERS,
        "schemas/shared/more.json": {**_MORE, "properties": {"item": {}}},
    }
    generated.write(schemas)
    item = generated.load("shared.orders").Item
    assert set(item.model_fields) == {"c", "more"}


def test_what_nobody_wants_may_be_broken(generated: _Generated) -> None:
    nested: dict[str, Any] = {
        f"d{place}": {"items": {"$ref": f"#/$defs/d{place + 1}"}, "type": "array"}
        for place in range(1000)
    }
    broken = {
        "remote": {"allOf": [{"$ref": "https://example.com/x.json"}, _queue(item=_queue(a={}))]},
        "gone": {"$ref": "gone.json"},
        "nowhere": _queue(a={"$ref": "#/$defs/nope"}),
        "unsound": {"allOf": [{"$ref": "unsound.json"}]},
        "text": {"$ref": "text.json#/$defs/a"},
    }
    files: dict[str, Any] = {
        "schemas/q.json": _queue(a={"$ref": "https://own.test/good.json#/$defs/ok"}),
        "vendor/unsound.json": {"type": 1, "properties": 2},
        "vendor/text.json": "text",
    }
    config = '[vendored]\n"https://own.test/" = "vendor"\n'
    for more in ({}, broken, {**nested, "d1000": {}}):
        good = {"$defs": {**more, "ok": _queue(item=_queue(b={}))}}
        generated.write({**files, "vendor/good.json": good}, config)
        generated.round_trip("q", {"a": {"item": {"b": 1}}})


def test_definitions_that_nest_too_deep(generated: _Generated, run_pgmqgen: Run) -> None:
    lists = {
        f"d{place}": {"items": {"$ref": f"#/$defs/d{place + 1}"}, "type": "array"}
        for place in range(1000)
    }
    shared = {"$defs": {**lists, "d1000": {}}}
    (generated.folder / "schemas" / "shared").mkdir(parents=True)
    (generated.folder / "schemas" / "shared" / "a.json").write_text(json.dumps(shared))
    for queue in (_queue(a={"$ref": "shared/a.json#/$defs/d0"}), {**shared, "$ref": "#/$defs/d0"}):
        (generated.folder / "schemas" / "q.json").write_text(json.dumps(queue))
        done = run_pgmqgen("generate")
        assert done.returncode == 1
        assert "nest too deep" in done.stderr


@pytest.mark.parametrize("length", [95, 101])
def test_a_long_chain_of_files(generated: _Generated, run_pgmqgen: Run, length: int) -> None:
    folder = generated.folder / "schemas" / "shared"
    folder.mkdir(parents=True)
    for place in range(length):
        further = {"$ref": f"f{place + 1}.json"} if place < length - 1 else {"enum": ["end"]}
        (folder / f"f{place}.json").write_text(json.dumps(_queue(a=further)))
    (folder.parent / "q.json").write_text(json.dumps(_queue(a={"$ref": "shared/f0.json"})))
    done = run_pgmqgen("generate")
    if length > 100:
        assert "`schemas/shared/f0.json` leads through more than 100 files" in done.stderr
        assert done.returncode == 1
    else:
        generated.round_trip("q", {"a": {"a": {"a": {}}}})


def test_a_long_chain_of_definitions(generated: _Generated) -> None:
    chain = {f"d{place}": _queue(a={"$ref": f"#/$defs/d{place + 1}"}) for place in range(300)}
    schemas = {
        "schemas/q.json": _queue(a={"$ref": "shared/chain.json#/$defs/d0"}),
        "schemas/shared/chain.json": {"$defs": {**chain, "d300": {"type": "string"}}},
    }
    generated.write(schemas)
    generated.round_trip("q", {"a": {"a": {}}})
    last = generated.load("shared.chain").D299
    assert last(a="end").a == "end"


def test_a_class_that_a_queue_changes_is_its_own(generated: _Generated) -> None:
    changed = {"$ref": "shared/money.json", "properties": {"currency": {"type": "string"}}}
    schemas = {
        "schemas/q.json": _queue(plain={"$ref": "shared/money.json"}, changed=changed),
        "schemas/shared/money.json": _MONEY,
    }
    generated.write(schemas)
    both = {"amount": 1, "currency": "EUR"}
    payload = generated.round_trip("q", {"plain": {"amount": 1}, "changed": both})
    assert type(payload.plain) is generated.load("shared.money").Money
    assert payload.changed.currency == "EUR"


def test_paths_of_modules(generated: _Generated) -> None:
    refs = [
        "shared/class.json",
        "shared/money.json",
        "shared/money/v-2.yaml",
        "shared/money/deep/v-3.yaml",
        "other/9.json",
        "https://example.com/x.json",
    ]
    files = ["schemas/" + ref for ref in refs[:-1]] + ["vendor/x.json"]
    schemas = {file: _queue(**{f"a{place}": {}}) for place, file in enumerate(files)}
    queue = _queue(**{f"p{place}": {"$ref": ref} for place, ref in enumerate(refs)})
    config = '[vendored]\n"https://example.com/" = "vendor"\n'
    generated.write({**schemas, "schemas/q.json": queue}, config)
    expected = [
        "__init__", "class_schema", "money/__init__", "money/deep/__init__", "money/deep/v_3",
        "money/v_2", "other/__init__", "other/queue_9", "vendor/__init__", "vendor/x",
    ]  # fmt: skip
    assert generated.modules == [f"shared/{name}.py" for name in expected]
    generated.round_trip("q", {f"p{place}": {} for place in range(6)})


def test_a_file_and_a_folder_of_one_name(generated: _Generated) -> None:
    schemas: dict[str, Any] = {
        "schemas/q.json": _queue(a={"$ref": "a.json"}),
        "schemas/a.json": _queue(b={"$ref": "shared/a/b.json"}),
        "schemas/shared/a/b.json": _queue(c={"$ref": "c.json"}),
        "schemas/shared/a/c.json": _queue(d={"$ref": "c/d.json"}),
        "schemas/shared/a/c/d.json": _queue(c={"$ref": "../c.json"}, e={"$ref": "../../e.json"}),
        "schemas/shared/e.json": _queue(f={"$ref": "e/f.json"}),
        "schemas/shared/e/f.json": _queue(n={"type": "integer"}),
    }
    generated.write(schemas)
    value = {"a": {"b": {"c": {"d": {"c": {}, "e": {"f": {"n": 1}}}}}}}
    payload = generated.round_trip("q", value)
    assert type(payload.a) is generated.load("shared.a").A
    assert type(payload.a.b.c) is generated.load("shared.a.c").C
    assert type(payload.a.b.c.d.e.f) is generated.load("shared.e.f").F
    for module in ("shared.a.c.d", "shared.a.c", "shared.e.f", "shared.e", "shared.a"):
        _forget_modules()
        generated.load(module)


def test_letters_beyond_ascii_stay_in_names(generated: _Generated) -> None:
    schemas = {
        "schemas/q.json": _queue(size={"$ref": "shared/größe.json"}),
        "schemas/shared/größe.json": _queue(cm={"type": "integer"}),
    }
    generated.write(schemas)
    size = generated.round_trip("q", {"size": {"cm": 3}}).size
    assert type(size) is generated.load("shared.größe").Größe


def test_a_file_without_classes_in_a_cycle_needs_no_module(generated: _Generated) -> None:
    schemas = {
        "schemas/q.json": _queue(pet={"$ref": "shared/pet.json"}),
        "schemas/shared/cat.json": _queue(kind={"const": "cat"}, friend={"$ref": "pet.json"}),
        "schemas/shared/pet.json": {"oneOf": [{"$ref": "cat.json"}, {"type": "null"}]},
    }
    generated.write(schemas)
    generated.round_trip("q", {"pet": {"kind": "cat", "friend": None}})
    assert generated.modules == ["shared/__init__.py", "shared/cat.py"]


def test_what_is_no_class_needs_no_module(generated: _Generated) -> None:
    schemas = {
        "schemas/q.json": _queue(a={"$ref": "shared/a.json"}),
        "schemas/shared/a.json": {"enum": ["x", "y"]},
    }
    generated.write(schemas)
    assert generated.modules == []
    assert generated.round_trip("q", {"a": "x"}).a == "x"


def test_a_module_that_is_not_shared_any_more_goes(generated: _Generated) -> None:
    schemas = {
        "schemas/q.json": _queue(a={"$ref": "shared/m.json"}),
        "schemas/shared/m.json": _MONEY,
    }
    generated.write(schemas)
    assert generated.modules
    generated.write({"schemas/q.json": _queue(a={})})
    assert not (generated.folder / "generated" / "shared").exists()


def test_what_depends_on_the_way_to_it_is_not_shared(generated: _Generated) -> None:
    item = {"$dynamicAnchor": "item", **_queue(a={"type": "integer"})}
    schemas = {
        "schemas/q.json": {**_queue(x={"$ref": "shared/list.json"}), "$defs": {"i": item}},
        "schemas/p.json": _queue(x={"$ref": "shared/list.json"}),
        "schemas/shared/list.json": {
            **_queue(first={"$dynamicRef": "#item"}),
            "$defs": {"any": {"$dynamicAnchor": "item", **_queue(b={"type": "string"})}},
        },
    }
    generated.write(schemas)
    assert generated.round_trip("q", {"x": {"first": {"a": 1}}}).x.first.a == 1
    assert generated.round_trip("p", {"x": {"first": {"b": "x"}}}).x.first.b == "x"


def test_type_checkers_know_shared_classes(generated: _Generated) -> None:
    schemas = {
        "schemas/q.json": _queue(price={"$ref": "shared/deep/money.json"}),
        "schemas/shared/deep/money.json": _queue(next={"$ref": "../a.json"}),
        "schemas/shared/a.json": _queue(back={"$ref": "deep/money.json"}),
    }
    generated.write(schemas)
    (generated.folder / "use.py").write_text(
        "from generated.q import Money, Q\n"
        "from generated.shared.a import A\n"
        "import generated.shared.deep.money as money\n"
        "q: Q = Q(price=Money(next=A(back=money.Money())))\n"
        "x: int = q.price\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "use.py", "generated"]
    done = subprocess.run(
        command, cwd=generated.folder, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("use.py:5: error: Incompatible types in assignment"), done.stdout
    assert lines[-1].startswith("Found 1 error in 1 file"), done.stdout


def test_a_format_that_only_describes_is_typed_as_text(generated: _Generated) -> None:
    day = {"type": "string", "format": "date"}
    loose = {**_queue(own=day, shared={"$ref": "shared/a.json"}), "x-pgmq": {"formats": "annotate"}}
    schemas = {
        "schemas/loose.json": loose,
        "schemas/strict.json": _queue(own=day, shared={"$ref": "shared/a.json"}),
        "schemas/shared/a.json": _queue(day=day),
    }
    generated.write(schemas)
    value = {"own": "soon", "shared": {"day": "never"}}
    assert generated.round_trip("loose", value).own == "soon"
    contract = generated.load("strict").contract
    for wrong in ({"own": "soon"}, {"shared": {"day": "never"}}):
        with pytest.raises(InvalidMessage, match="date"):
            contract.validate(wrong)
    both = generated.round_trip("strict", {"own": "2026-01-31", "shared": {"day": "2026-01-31"}})
    assert both.own == date(2026, 1, 31)
    assert both.shared.day == "2026-01-31"  # one class for both queues


def _ring(size: int, far: Any) -> dict[str, Any]:
    """Definitions each of which refers to the next, and the last to the first."""
    return {
        f"d{place}": _queue(a=far(f"#/$defs/d{(place + 1) % size}"), n={"type": "integer"})
        for place in range(size)
    }


def _any_tag(ref: str) -> dict[str, Any]:
    tagged = {"required": ["kind"], **_queue(kind={"const": "end"})}
    inner = {"type": "object", "additionalProperties": {"oneOf": [{"$ref": ref}, tagged]}}
    return {"oneOf": [{"type": "array", "items": inner}, {"$ref": ref}]}


@pytest.mark.parametrize("size", [20, 250])
@pytest.mark.parametrize("far", [lambda ref: {"$ref": ref}, _any_tag], ids=["plain", "nested"])
def test_a_ring_of_many_classes(generated: _Generated, size: int, far: Any) -> None:
    ring = {"schemas/shared/ring.json": {"$defs": _ring(size, far)}}
    own = {"$ref": "#/$defs/d0", "$defs": _ring(size, far)}
    queue = _queue(a={"$ref": "shared/ring.json#/$defs/d0"})
    generated.write({"schemas/q.json": queue, "schemas/own.json": own, **ring})
    value = {"a": {"a": {"n": 1, "x": 1.5}, "n": 2}, "n": 3}
    payload = generated.round_trip("q", {"a": value})
    assert type(payload.a.a.a) is generated.load("shared.ring").D2
    assert generated.load("q").Q(a={"a": {"n": 2}}).a.a.n == 2
    assert generated.round_trip("own", value).a.a.n == 1
    payload.a.a.n = 4
    assert json.loads(generated.load("q").contract.encode(payload))["a"]["a"]["n"] == 4
    assert payload.model_json_schema()


def test_a_ring_of_many_classes_through_properties_without_a_name(generated: _Generated) -> None:
    ring = {
        f"d{place}": {
            **_queue(n={"type": "integer"}),
            "additionalProperties": {"$ref": f"#/$defs/d{(place + 1) % 250}"},
        }
        for place in range(250)
    }
    generated.write({"schemas/q.json": {"$ref": "#/$defs/d0", "$defs": ring}})
    payload = generated.round_trip("q", {"n": 1, "a": {"b": {"c": {"n": 4}}}})
    assert type(payload.a.b) is generated.load("q").D2


def test_a_tag_in_a_ring_of_many_classes(generated: _Generated) -> None:
    ring = {f"d{place}": _queue() for place in range(100)}
    for place, definition in enumerate(ring.values()):
        refs = ({"$ref": f"#/$defs/d{(place + step) % 100}"} for step in (1, 2))
        definition |= {"required": ["kind"]}
        tag = {"const": f"k{place}"}
        definition["properties"] = {"kind": tag, "a-b": {"oneOf": [*refs], "description": "So."}}
    generated.write({"schemas/q.json": {"$ref": "#/$defs/d0", "$defs": ring}})
    value = {"kind": "k0", "a-b": {"kind": "k2", "a-b": {"kind": "k3"}}}
    assert type(generated.round_trip("q", value).a_b) is generated.load("q").D2

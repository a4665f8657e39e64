"""Python names of queues and payloads."""

from __future__ import annotations

import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.codegen.class_names import class_name
from pgmqgen.schema.names import (
    BUILTIN_TYPES,
    RESERVED_TYPES,
    allowed_name,
    class_prefix,
    is_reserved,
    module_name,
    pascal_case,
    payload_name,
    snake_case,
)


@pytest.mark.parametrize(
    ("queue", "module", "prefix"),
    [
        ("send_email", "send_email", "SendEmail"),
        ("send-email", "send_email", "SendEmail"),
        ("send.email v2", "send_email_v2", "SendEmailV2"),
        ("2fa", "queue_2fa", "Queue2fa"),
        ("größe", "größe", "Größe"),
        ("_", "_", "Queue"),
    ],
)
def test_names_of_a_queue(queue: str, module: str, prefix: str) -> None:
    assert module_name(queue) == module
    assert class_prefix(queue) == prefix


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("SendEmail", "SendEmail"),
        ("send email", "SendEmail"),
        ("An order's event!", "AnOrderSEvent"),
        ("3D render", "Queue3DRender"),
        ("", "Ping"),
        ("!?", "Ping"),
        (None, "Ping"),
        ("Any", "AnyPayload"),
        ("Contract", "ContractPayload"),
        ("PingProducer", "PingProducerPayload"),
        ("order", "Order"),
        ("orderCreated", "OrderCreated"),
        ("order_created", "OrderCreated"),
        ("contract", "ContractPayload"),
        ("none", "NonePayload"),
    ],
)
def test_name_of_a_payload(title: str | None, expected: str) -> None:
    assert payload_name(title, "ping") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order_line", "OrderLine"),
        ("orderLine", "OrderLine"),
        ("HTTPHeader", "HTTPHeader"),
        ("3d-model", "Type3dModel"),
        ("12", None),
        ("-", None),
        (None, None),
    ],
)
def test_name_of_a_class(text: str | None, expected: str | None) -> None:
    assert class_name(text) == expected


@given(st.text(min_size=1))
def test_every_queue_has_a_module(queue: str) -> None:
    name = module_name(queue)
    assert name.isidentifier()
    assert unicodedata.normalize("NFKC", name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("OrderPaid", "order_paid"),
        ("my queue;x", "my_queue_x"),
        ("a--b-c", "a_b-c"),
        ("Class", "class_queue"),
        ("__", "queue"),
        ("é" * 40, "é" * 23),
    ],
)
def test_a_name_that_is_allowed(text: str, name: str) -> None:
    assert allowed_name(text, 47) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("postal_address", "postal_address"),
        ("PostalAddress", "postal_address"),
        ("HTTPHeader2", "http_header2"),
        ("v2Event", "v2_event"),
        ("URL", "url"),
    ],
)
def test_small_letters(text: str, name: str) -> None:
    assert snake_case(text) == name


@given(st.text())
def test_every_text_has_a_name_that_is_allowed(text: str) -> None:
    name = allowed_name(text, 43)
    assert name == name.lower()
    assert 0 < len(name.encode()) <= 43
    assert all(char.isalnum() or char in "_-" for char in name)
    assert "--" not in name
    assert not is_reserved(module_name(name))


@given(st.text())
def test_pascal_case_is_an_identifier_or_nothing(text: str) -> None:
    name = pascal_case(text)
    assert name == "" or name.isidentifier()
    assert unicodedata.normalize("NFKC", name) == name


@given(st.text(), st.text(min_size=1))
def test_every_payload_has_a_free_name(title: str, queue: str) -> None:
    name = payload_name(title, queue)
    prefix = class_prefix(queue)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert name not in RESERVED_TYPES | BUILTIN_TYPES
    assert name not in (f"{prefix}Producer", f"Async{prefix}Producer")


def test_every_character() -> None:
    for char in map(chr, range(0xD800)):
        for text in (char, f"a{char}", f"{char}a", f"a_{char}b"):
            for name in (module_name(text), class_prefix(text), payload_name(text, "q")):
                assert name.isidentifier(), ascii(text)
                assert unicodedata.normalize("NFKC", name) == name, ascii(text)

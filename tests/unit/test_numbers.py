"""Numbers keep their exact value from text to text, typed or not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from pgmqgen import Contract, InvalidMessage
from pgmqgen.runtime.json_text import dump_json, parse_json
from pgmqgen.runtime.number_types import DecimalNumber, Number

texts = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)  # fmt: skip


class _Order(BaseModel):
    model_config = ConfigDict(extra="allow")
    price: Number
    exact: DecimalNumber
    either: str | list[Number] | Number
    free: Any


ORDER = Contract[_Order](queue="q", schema={}, payload=_Order, fingerprint="f")


@given(texts)
def test_a_number_keeps_its_value_through_a_model(text: str) -> None:
    raw = '{"price":%s,"exact":%s,"either":[%s],"free":%s,"more":%s}' % ((text,) * 5)
    sent = parse_json(ORDER.encode(ORDER.decode(raw)))
    values = [sent["price"], sent["exact"], *sent["either"], sent["free"], sent["more"]]
    assert [Decimal(str(value)) for value in values] == [Decimal(text)] * 5


@given(texts, texts)
def test_a_bound_is_compared_exactly(text: str, bound: str) -> None:
    schema = {"maximum": parse_json(bound)}
    contract = Contract[Any](queue="q", schema=schema, payload=Any, fingerprint="f")
    try:
        contract.decode(text)
        accepted = True
    except InvalidMessage:
        accepted = False
    assert accepted == (Decimal(text) <= Decimal(bound))


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e131072")])
def test_a_decimal_that_jsonb_cannot_hold_is_refused(number: Decimal) -> None:
    with pytest.raises(InvalidMessage):
        dump_json({"a": number})

"""Numbers keep their exact value from text to text, typed or not."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import time
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pgmqgen import Contract, InvalidMessage
from pgmqgen.runtime.formats import Date, DateTime, Time, Uuid
from pgmqgen.runtime.json_text import WIRE, dump_json, parse_json
from pgmqgen.runtime.number_types import DecimalNumber, Number

edges = st.sampled_from(
    [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0.1",
        "0.10",
        "0.3",
        "0.30000000000000004",
        "1",
        "1.0",
        "1e1",
        "10",
        "1E2",
        "1e15",
        "1e16",
        "1e22",
        "1e23",
        "1e25",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.5",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551616.5",
        "1e400",
        "-1e400",
        "1e-400",
        "4e-324",
        "5e-324",
        "6e-324",
        "2.2250738585072013e-308",
        "1.7976931348623157e308",
        "1.797693134862316e308",
    ]
)
texts = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)  # fmt: skip


class _Order(BaseModel):
    model_config = ConfigDict(extra="allow")
    price: Number
    exact: DecimalNumber
    either: str | list[Number] | Number
    free: Any


INTEGER = Contract[int](queue="q", schema={"type": "integer"}, payload=int, fingerprint="f")
ORDER = Contract[_Order](queue="q", schema={}, payload=_Order, fingerprint="f")


@given(texts)
def test_a_number_keeps_its_value_through_a_model(text: str) -> None:
    raw = '{"price":%s,"exact":%s,"either":[%s],"free":%s,"more":%s}' % ((text,) * 5)
    sent = parse_json(ORDER.encode(ORDER.decode(raw)))
    values = [sent["price"], sent["exact"], *sent["either"], sent["free"], sent["more"]]
    assert [Decimal(str(value)) for value in values] == [Decimal(text)] * 5


KEYWORDS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
    "const": operator.eq,
    "multipleOf": lambda number, unit: (number / unit).denominator == 1,
}


def accepts(schema: str, text: str) -> bool:
    contract = Contract[Any](queue="q", schema=parse_json(schema), payload=Any, fingerprint="f")
    try:
        contract.decode(text)
    except InvalidMessage:
        return False
    return True


@pytest.mark.parametrize("keyword", KEYWORDS)
@given(texts | edges, texts | edges)
@example("1e-400", "0.0")
@example("-1e-400", "-0.0")
@example("9007199254740993", "9007199254740992.5")
@example("1e23", "1e22")
@example("36893488147419103233.5", "36893488147419103232")
@example("2305843009213693954.5", "2305843009213693954")
@example("1125899906842624.00000000001", "1")
@example("36028797018963970.0", "36028797018963970")
@example("9223800801.3317E7", "9223800801.3317E7")
def test_a_keyword_compares_exactly(keyword: str, text: str, bound: str) -> None:
    number, other = Fraction(text), Fraction(bound)
    if keyword == "multipleOf":
        assume(other > 0)
    assert accepts(f'{{"{keyword}": {bound}}}', text) == KEYWORDS[keyword](number, other)


@given(st.integers(-(10**9), 10**9), texts.filter(lambda text: Fraction(text) > 0))
def test_a_multiple_is_one_however_long(factor: int, unit: str) -> None:
    with localcontext(Context(prec=2000)):
        text = str(factor * Decimal(unit))
    assert accepts(f'{{"multipleOf": {unit}}}', text)


@given(texts | edges, texts | edges, st.booleans())
def test_equality_is_exact(one: str, other: str, nested: bool) -> None:
    equal = Fraction(one) == Fraction(other)
    if nested:
        one, other = f'{{"a": [{one}]}}', f'{{"a": [{other}]}}'
    assert accepts(f'{{"enum": ["x", {other}]}}', one) == equal
    assert accepts('{"uniqueItems": true}', f"[{one}, {other}]") != equal


@given(texts | edges)
@example("600000000001000000")
@example("-60000000000.1E7")
def test_a_number_without_a_fraction_is_an_integer(text: str) -> None:
    number = Fraction(text)
    assert accepts('{"type": "integer"}', text) == (number.denominator == 1)
    if number.denominator == 1:
        text = str(int(number))  # as jsonb writes it
        assert INTEGER.decode(text) == number
        assert INTEGER.decode(f"{text}.0") == number


@given(texts | edges, st.sampled_from([float, Decimal, int]))
def test_python_numbers_are_validated_as_what_they_are_in_json(text: str, kind: Any) -> None:
    try:
        value = kind(Decimal(text))
        bound = Decimal(dump_json(value).decode())
    except (InvalidMessage, OverflowError):
        return
    contract = Contract[Any](queue="q", schema={"maximum": bound}, payload=Any, fingerprint="f")
    contract.validate(value)
    contract = Contract[Any](queue="q", schema={"const": bound}, payload=Any, fingerprint="f")
    contract.validate(value)


UNFIT = [
    *(Decimal(text) for text in ("NaN", "sNaN", "-Infinity", "1e131072", "1e999999999")),
    Decimal("1e-999999999"),
    10**131072,
    10**400_000,
    math.nan,
    -math.inf,
]


@pytest.mark.parametrize("number", UNFIT, ids=range(len(UNFIT)))
def test_a_number_that_jsonb_cannot_hold_is_refused_at_once(number: Any) -> None:
    start = time.process_time()
    with pytest.raises(InvalidMessage):
        dump_json({"a": number})
    untyped = Contract[Any](queue="q", schema={"multipleOf": 3}, payload=Any, fingerprint="f")
    with pytest.raises(InvalidMessage, match="json"):
        untyped.validate([number])
    with pytest.raises(InvalidMessage, match="json"):
        untyped.encode([number])
    order = _Order.model_construct(price=number, exact=number, either=number, free=number)
    with pytest.raises(InvalidMessage, match="json"):
        ORDER.encode(order)
    assert time.process_time() - start < 0.3


LONG = [
    *(10**digits for digits in (4299, 4300, 131_071)),
    -(10**5000),
    7 ** (154_000),
]


@pytest.mark.parametrize("number", LONG, ids=range(len(LONG)))
def test_a_long_integer_is_quick_and_exact(number: int) -> None:
    start = time.process_time()
    text = dump_json(number).decode()
    contract = Contract[int](
        queue="q",
        schema={"type": "integer", "multipleOf": 1, "const": number},
        payload=int,
        fingerprint="f",
    )
    assert contract.decode(text) == number
    assert contract.encode(number).decode() == text
    contract.validate(number)
    for value in (number + 1, parse_json(dump_json(number + 1))):
        with pytest.raises(InvalidMessage) as caught:
            contract.validate(value)
        assert [error.keyword for error in caught.value.errors] == ["const"]
    assert time.process_time() - start < 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies_of_a_payload_are_exact(protocol: int) -> None:
    text = "0.1234567890123456789012345"
    raw = '{"price":%s,"exact":%s,"either":[%s],"free":%s}' % ((text,) * 4)
    order = ORDER.decode(raw)
    copies = [
        copy.copy(order),
        copy.deepcopy(order),
        order.model_copy(),
        order.model_copy(deep=True),
        _Order.model_validate(order.model_dump()),
        pickle.loads(pickle.dumps(order, protocol)),
        _Order(price=copy.copy(order.price), exact=order.exact, either=[order.price], free=1),
    ]
    for each in copies:
        sent = parse_json(ORDER.encode(each))
        assert [sent["price"], sent["exact"], *sent["either"]] == [Decimal(text)] * 3


_VALUES = (
    Decimal("1.23456789012345678901"),
    10**30,
    5,
    1.5,
    None,
    "2020-01-01T00:00:00.50Z",
    "2020-01-01",
    "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
)


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(
    "kinds", list(permutations([Number, DecimalNumber, DateTime, Date, Time, Uuid, None], 2))
)
def test_a_branch_of_a_union_writes_only_what_is_of_its_type(kinds: Any, value: Any) -> None:
    adapter = TypeAdapter(kinds[0] | kinds[1])
    try:
        typed = adapter.validate_python(value)
    except ValidationError:
        return
    written = adapter.serializer.to_python(typed, mode=WIRE, warnings="error")
    assert written == value
    assert isinstance(written, str) == isinstance(value, str)


def test_a_wrong_number_is_told_in_a_line() -> None:
    class Price(BaseModel):
        amount: Number
        tax: DecimalNumber

    with pytest.raises(ValidationError) as raised:
        Price.model_validate({"amount": "1", "tax": True})
    assert [(error["loc"], error["msg"]) for error in raised.value.errors()] == [
        (("amount",), "Input should be an int, a float or a Decimal"),
        (("tax",), "Input should be a Decimal, an int or a float"),
    ]


def test_json_methods_of_pydantic_go_past_the_contract() -> None:
    class Price(BaseModel):
        amount: Number
        tax: DecimalNumber = Decimal(0)

    long = "0.1000000000000000000000001"
    contract = Contract(queue="q", schema={}, payload=Price, fingerprint="")
    payload = contract.decode(f'{{"amount":{long}}}')
    assert contract.encode(payload) == f'{{"amount":{long}}}'.encode()
    assert payload.model_dump_json(exclude_unset=True) == f'{{"amount":"{long}"}}'
    rounded = Price.model_validate_json(f'{{"amount":{long},"tax":{long}}}')
    assert rounded.model_dump_json() == '{"amount":0.1,"tax":"0.1"}'

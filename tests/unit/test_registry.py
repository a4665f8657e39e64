"""What a queue's handler may be, so that it is refused before it gets a message."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from pgmqgen.errors import RegistryError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.registry import QueueSpec

_SPEC: QueueSpec[Any] = QueueSpec(
    QueueSettings(name="orders"), contract="shop:contract", handler="shop_handlers:handle"
)


class Callable2:
    def __call__(self, message: Any, context: Any) -> None: ...


class Yielding:
    def __call__(self, message: Any, context: Any) -> Iterator[None]:
        yield


def takes_both(message: Any, context: Any) -> None: ...


async def takes_both_async(message: Any, context: Any, more: int = 0) -> None: ...


def takes_any(*arguments: Any) -> None: ...


def takes_three(message: Any, context: Any, session: Any) -> None: ...


def takes_one(message: Any) -> None: ...


def takes_named(*, message: Any, context: Any) -> None: ...


def yields(message: Any, context: Any) -> Iterator[None]:
    yield


async def yields_async(message: Any, context: Any) -> Any:
    yield


@functools.wraps(takes_three)
def injected(message: Any, context: Any) -> None:
    takes_three(message, context, None)


def described(*arguments: Any) -> None: ...


described.__signature__ = inspect.signature(takes_three)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "handler",
    [
        takes_both,
        takes_both_async,
        takes_any,
        Callable2(),
        functools.partial(takes_three, session=1),
        injected,
        described,
        print,
        max,  # it does not tell what it takes
    ],
)
def test_handlers_that_can_be_called(handler: Callable[..., Any]) -> None:
    assert _load(handler) is handler


@pytest.mark.parametrize(
    ("handler", "flaw"),
    [
        (None, "is not a function"),
        (takes_one, "cannot be called with a message and a context: too many positional arguments"),
        (takes_three, "cannot be called with a message and a context: missing a required argument: 'session'"),
        (takes_named, "cannot be called with a message and a context: too many positional arguments"),
        (yields, "is a generator, of which a call does nothing: it must not `yield`"),
        (yields_async, "is a generator, of which a call does nothing: it must not `yield`"),
        (functools.partial(yields), "is a generator, of which a call does nothing: it must not `yield`"),
        (Yielding(), "is a generator, of which a call does nothing: it must not `yield`"),
    ],
)  # fmt: skip
def test_handlers_that_cannot(handler: Any, flaw: str) -> None:
    with pytest.raises(RegistryError) as raised:
        _load(handler)
    assert raised.value.message == f"`shop_handlers:handle` of queue `orders` {flaw}"
    assert raised.value.hint is not None


def _load(handler: Any) -> Any:
    module = ModuleType("shop_handlers")
    module.handle = handler  # type: ignore[attr-defined]
    sys.modules["shop_handlers"] = module
    try:
        return _SPEC.load_handler()
    finally:
        del sys.modules["shop_handlers"]

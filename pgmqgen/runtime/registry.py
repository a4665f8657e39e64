"""The registry: which queues a project has, and where their contracts and handlers are.

Generated code fills it in. Nothing is imported before it is asked for, so a worker's parent
loads no models and a producer loads one.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pgmqgen.errors import RegistryError
from pgmqgen.queue import QueueSettings, suggest
from pgmqgen.runtime.contract.wording import listed

if TYPE_CHECKING:
    from pgmqgen.runtime.contract.validation import Contract

T = TypeVar("T")
Handler = Callable[..., Any]


class QueueSpec(Generic[T]):
    """One queue of a registry: its settings, contract and handler.

    settings: the queue's settings
    contract: `module:object` of its Contract
    handler: `module:function` of its handler
    Module names that start with a dot are relative to the registry's package.
    """

    def __init__(self, settings: QueueSettings, *, contract: str, handler: str) -> None:
        self.settings = settings
        self._contract_name = contract
        self._handler_name = handler
        self._package = ""

    @property
    def name(self) -> str:
        """The queue's name in pgmq."""
        return self.settings.name

    @cached_property
    def contract(self) -> Contract[T]:
        """The queue's contract, imported on first use, and the validator with it."""
        from pgmqgen.runtime.contract.validation import Contract

        found = import_object(self._contract_name, package=self._package)
        if not isinstance(found, Contract):
            raise RegistryError(
                f"`{self._contract_name}` of queue `{self.name}` is not a Contract",
                hint="run `pgmqgen generate`",
            )
        return cast("Contract[T]", found)

    @property
    def fingerprint(self) -> str:
        """Short hash of the queue's schema."""
        return self.contract.fingerprint

    def validate(self, value: Any) -> None:
        """Check a JSON value. Raises InvalidMessage with every violation."""
        self.contract.validate(value)

    def decode(self, raw: bytes | str) -> T:
        """Parse, validate and type JSON text. Raises InvalidMessage."""
        return self.contract.decode(raw)

    def encode(self, payload: T) -> bytes:
        """Write a typed payload as validated JSON text. Raises InvalidMessage."""
        return self.contract.encode(payload)

    def encode_batch(self, payloads: Sequence[T]) -> bytes:
        """Write typed payloads as validated JSON, a line each. Raises InvalidMessage."""
        return self.contract.encode_batch(payloads)

    def load_handler(self) -> Handler:
        """Import the queue's handler.

        Raises RegistryError if there is none, or it cannot be called with a message and a context.
        """
        try:
            found = import_object(self._handler_name, package=self._package)
        except RegistryError as error:
            if error.__cause__ is None:  # not there, as opposed to there and broken
                error.hint = (
                    f"`pgmqgen generate` writes a stub for queue `{self.name}`, if there is no such "
                    "module; it must define `handle(message, context)`"
                )
            raise
        if flaw := _find_flaw(found):
            raise RegistryError(
                f"`{self._handler_name}` of queue `{self.name}` {flaw}",
                hint="define it as `def handle(message, context)` or `async def` of the same",
            )
        return cast(Handler, found)

    def bind(self, package: str) -> None:
        """Resolve relative module names against `package`. Called by Registry."""
        self._package = package


class Registry(Mapping[str, QueueSpec[Any]]):
    """The queues of a project by name.

    module: the module that holds it, as `__name__`; children import it again from there
    queues: one QueueSpec each
    attribute: the name under which the module holds it
    """

    def __init__(
        self, module: str, queues: Sequence[QueueSpec[Any]], *, attribute: str = "registry"
    ) -> None:
        self.import_name = f"{module}:{attribute}"
        self._queues = {spec.name: spec for spec in queues}
        package = module.rpartition(".")[0]
        for spec in queues:
            spec.bind(package)

    def __getitem__(self, name: str) -> QueueSpec[Any]:
        try:
            return self._queues[name]
        except KeyError:
            message = f"no queue `{name}` in the registry, which has {listed([*self]) or 'none'}"
            raise RegistryError(message, hint=suggest(name, self)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._queues

    def __iter__(self) -> Iterator[str]:
        return iter(self._queues)

    def __len__(self) -> int:
        return len(self._queues)


def import_object(name: str, *, package: str = "") -> Any:
    """Import `module:attribute`. Raises RegistryError that says which part is missing."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise RegistryError(f"`{name}` is not of the form module:object")
    try:
        module = importlib.import_module(module_name, package or None)
    except Exception as error:
        full_name = f"{package}{module_name}" if module_name.startswith(".") else module_name
        if isinstance(error, ModuleNotFoundError) and full_name == error.name:
            raise RegistryError(f"there is no module `{full_name}`") from None
        where = _where(error)
        raise RegistryError(
            f"cannot import `{full_name}`: {type(error).__name__}: {error}{where}"
        ) from error
    try:
        found = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise RegistryError(f"module `{module.__name__}` has no `{attribute}`") from None
    return found


def _find_flaw(handler: Any) -> str | None:
    """Why an object is no handler: what is wrong with each message is told before the first."""
    if not callable(handler):
        return "is not a function"
    for function in (handler, type(handler).__call__):
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            return "is a generator, of which a call does nothing: it must not `yield`"
    if hasattr(handler, "__signature__"):  # it says what it stands for, not what it takes
        return None
    try:
        signature = inspect.signature(handler, follow_wrapped=False)
    except (ValueError, TypeError, NameError):  # it does not tell, as functions in C
        return None
    try:
        signature.bind("message", "context")
    except TypeError as error:
        return f"cannot be called with a message and a context: {error}"
    return None


def _where(error: Exception) -> str:
    """Where an import has failed: the file and line, unless the error tells it itself."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if not f.filename.startswith("<frozen ")), None)
    if last is None or last.filename == __file__ or isinstance(error, SyntaxError):
        return ""
    return f" (at {last.filename}:{last.lineno})"


def load_registry(name: str) -> Registry:
    """Import a registry by `module:object`. Raises RegistryError."""
    try:
        found = import_object(name)
    except RegistryError as error:
        error.hint = error.hint or "run `pgmqgen generate`, or name the registry with --registry"
        raise
    if not isinstance(found, Registry):
        raise RegistryError(f"`{name}` is not a Registry, but {type(found).__name__}")
    return found

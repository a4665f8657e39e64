"""All steps from schemas to written files, and what spares them: a receipt and a memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgmqgen.codegen.cache import cache_folder, open_memory, tools_digest
from pgmqgen.codegen.inputs import hash_inputs, input_folders
from pgmqgen.codegen.manifest import NAME, digest
from pgmqgen.codegen.receipt import Receipt, outside, read_receipt, write_receipt
from pgmqgen.codegen.render import RenderedFile, render
from pgmqgen.codegen.write import Comparison, compare, write
from pgmqgen.config import Config
from pgmqgen.diagnostics import Diagnostic

if TYPE_CHECKING:
    from pgmqgen.codegen.pool import Pool
    from pgmqgen.codegen.recall import Track

_RECEIPT = "receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What generating comes to.

    queues: how many there are; comparison: what writing would do; diagnostics: warnings
    receipt: what is kept once all is written, None if an input changed meanwhile
    """

    queues: int
    comparison: Comparison
    diagnostics: tuple[Diagnostic, ...]
    receipt: Receipt | None


def build(config: Config, pool: Pool, track: Track = iter) -> Build:
    """Make all files in memory, and compare them with those on disk. Raises SchemaError.

    track: is asked for each module of models in turn, as it is made
    """
    tools = tools_digest()
    receipt = read_receipt(cache_folder(config) / _RECEIPT)
    if receipt is not None and receipt.holds(config, tools):
        return _unchanged(receipt)
    return _make(config, tools, pool, track)


def finish(made: Build, config: Config) -> None:
    """Write what has changed, and remember that nothing else has to be done. Raises GenerateError."""
    write(made.comparison)
    if made.receipt is not None:
        manifest = config.output / NAME
        name = manifest.relative_to(config.root).as_posix()
        made.receipt.outputs[name] = digest(manifest.read_bytes())
        write_receipt(cache_folder(config) / _RECEIPT, made.receipt)


def _unchanged(receipt: Receipt) -> Build:
    # The manifest is among the outputs, but not among the files that the summary counts.
    comparison = Comparison(changed={}, removed=(), unchanged=receipt.unchanged - 1, edited=())
    return Build(
        queues=len(receipt.modules),
        comparison=comparison,
        diagnostics=receipt.diagnostics,
        receipt=None,
    )


def _make(config: Config, tools: str, pool: Pool, track: Track) -> Build:
    from pgmqgen.codegen.drafts import Draft
    from pgmqgen.codegen.format import format_files
    from pgmqgen.codegen.models import make_models
    from pgmqgen.codegen.plan import plan
    from pgmqgen.errors import SchemaError
    from pgmqgen.schema.load import load

    before = hash_inputs(config)
    if _are_many(config):
        pool.start(make_models, Draft())
    memory = open_memory(config, tools)
    schemas = load(config, memory)
    if schemas.errors:
        raise SchemaError(schemas.diagnostics)
    jobs = plan(schemas, config, memory, pool, track)
    files = format_files(render(jobs, config.templates), config.root, memory)
    memory.save()
    others = outside(schemas.files, input_folders(config))
    receipt = Receipt(
        tools=tools,
        inputs=hash_inputs(config, others),
        others=others,
        modules=tuple(queue.module for queue in schemas.queues),
        diagnostics=schemas.diagnostics,
        outputs=_hash_outputs(files, config),
    )
    return Build(
        queues=len(schemas.queues),
        comparison=compare(files, config.output),
        diagnostics=schemas.diagnostics,
        receipt=receipt if hash_inputs(config) == before else None,
    )


def _are_many(config: Config) -> bool:
    from pgmqgen.codegen.pool import MANY
    from pgmqgen.schema.source import find_sources

    return config.schemas.is_dir() and len(list(find_sources(config.schemas))) >= MANY


def _hash_outputs(files: list[RenderedFile], config: Config) -> dict[str, str | None]:
    return {
        file.path.relative_to(config.root).as_posix(): (
            digest(file.text.encode()) if file.policy == "overwrite" else None
        )
        for file in files
    }

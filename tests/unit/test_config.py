"""The configuration of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmqgen.config import load_config
from pgmqgen.errors import ConfigError
from pgmqgen.queue import make_settings


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGMQGEN_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def _write(folder: Path, text: str, name: str = "pgmqgen.toml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_defaults_without_a_file(tmp_path: Path) -> None:
    config = load_config(tmp_path)
    assert config.root == tmp_path
    assert config.schemas == tmp_path / "schemas"
    assert config.output == tmp_path / "generated"
    assert config.handlers == tmp_path / "generated" / "handlers"
    assert config.templates is None
    assert config.registry == "generated.registry:registry"
    assert config.import_roots == (tmp_path,)
    assert (config.database.url, config.database.local) == (None, False)


def test_every_key(tmp_path: Path) -> None:
    _write(
        tmp_path,
        """
        schemas = "contracts"
        output = "queues"
        handlers = "app/handlers"
        templates = "own"
        [defaults]
        max_attempts = 3
        backoff = { kind = "fixed", initial = 2 }
        [worker]
        processes = 4
        hooks = "app.hooks:hooks"
        connect = "app.db:connect"
        visibility_timeout = 10
        timeout = 2.5
        batch_size = 7
        [database]
        local = true
        [lint]
        ignore = ["PGQ002"]
        [vendored]
        "https://example.com/schemas/" = "vendor"
        """,
    )
    config = load_config(tmp_path)
    assert config.schemas == tmp_path / "contracts"
    assert config.handlers == tmp_path / "app" / "handlers"
    assert config.templates == tmp_path / "own"
    assert make_settings("q", config.defaults).backoff.initial == 2
    assert config.worker.processes == 4
    assert config.worker.timeout == 2.5
    assert config.database.local
    assert config.lint.ignore == ("PGQ002",)
    assert config.vendored == {"https://example.com/schemas/": tmp_path / "vendor"}


def test_it_is_looked_for_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    _write(tmp_path, '[tool.pgmqgen]\noutput = "queues"\n', "pyproject.toml")
    _write(tmp_path / "a", "[tool.other]\n", "pyproject.toml")
    assert load_config(deep).output == tmp_path / "queues"


def test_the_own_file_goes_first(tmp_path: Path) -> None:
    _write(tmp_path, '[tool.pgmqgen]\noutput = "one"\n', "pyproject.toml")
    _write(tmp_path, 'output = "two"\n')
    assert load_config(tmp_path).output == tmp_path / "two"


def test_a_source_folder_is_an_import_root(tmp_path: Path) -> None:
    _write(tmp_path, 'output = "src/acme/queues"\n')
    config = load_config(tmp_path)
    assert config.import_roots == (tmp_path, tmp_path / "src")
    assert config.registry == "acme.queues.registry:registry"


def test_a_package_is_no_import_root(tmp_path: Path) -> None:
    _write(tmp_path, 'output = "acme/queues"\n')
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").touch()
    config = load_config(tmp_path)
    assert config.import_roots == (tmp_path,)
    assert config.registry == "acme.queues.registry:registry"


def test_handlers_elsewhere(tmp_path: Path) -> None:
    _write(tmp_path, 'handlers = "src/acme/handlers"\n')
    config = load_config(tmp_path)
    assert config.import_roots == (tmp_path, tmp_path / "src")
    assert config.module_of(config.handlers) == "acme.handlers"
    assert config.registry == "generated.registry:registry"


def test_the_environment_names_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///second")
    assert load_config(tmp_path).database.url == "postgresql:///second"
    monkeypatch.setenv("PGMQGEN_DATABASE_URL", "postgresql:///first")
    assert load_config(tmp_path).database.url == "postgresql:///first"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('schmas = "x"', "unknown key `schmas`", "did you mean `schemas`?"),
        ("[workr]", "unknown key `workr`", "did you mean `worker`?"),
        ("[worker]\nproceses = 1", "[worker] unknown key `proceses`", "`processes`"),
        ("[database]\nurl = 'x'", "[database] unknown key `url`", "known keys: local"),
        ("[lint]\nignored = []", "[lint] unknown key `ignored`", "`ignore`"),
        ("schemas = 1", "`schemas`: expected a string, got `1`", ""),
        ("schemas = ''", "`schemas` is empty", ""),
        ("worker = 3", "[worker] expected a table, got `3`", ""),
        ("[worker]\nprocesses = true", "expected a whole number, got `True`", ""),
        ("[worker]\nprocesses = 0", "expected a whole number of at least 1, got `0`", ""),
        ("[worker]\ntimeout = -1", "expected a number of seconds above 0, got `-1`", ""),
        ("[database]\nlocal = 1", "expected true or false, got `1`", ""),
        ("[lint]\nignore = 'x'", "expected a list of strings", ""),
        ("[lint]\nignore = [1]", "expected a list of strings", ""),
        ("[defaults]\nmax_attemts = 1", "unknown key `max_attemts`", "`max_attempts`"),
        ("[defaults]\nmax_attempts = 0", "expected a whole number of at least 1", ""),
        ("[defaults]\nweight = 2", "`weight` is not supported yet", "remove `weight`"),
        ("[defaults]\nqueue = 'x'", "`queue` cannot be a default", "queue's schema"),
        ("[vendored]\nx = 'y'", "expected a URL prefix, got `x`", ""),
        ("output = '../x'", "`../x`, outside of the project", "below the project's root"),
        ("output = '/tmp'", "outside of the project", "below the project's root"),
        ("output = 'my-queues'", "`my-queues` in `output` is not a Python name", "underscores"),
        ("handlers = 'class'", "`class` in `handlers` is not a Python name", "underscores"),
        ("output = ", "Invalid value", "TOML"),
    ],
)
def test_bad_configuration(tmp_path: Path, text: str, message: str, hint: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / 'pgmqgen.toml'}: ")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_an_error_names_the_table_of_pyproject(tmp_path: Path) -> None:
    _write(tmp_path, "[tool.pgmqgen.worker]\nx = 1\n", "pyproject.toml")
    with pytest.raises(ConfigError, match=r"pyproject.toml: \[tool.pgmqgen.worker\] unknown key"):
        load_config(tmp_path)

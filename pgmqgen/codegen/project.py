"""A new project: one example queue, its configuration, and settings for git and ruff."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "schemas/send_email.json": """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "SendEmail",
  "description": "One e-mail to one recipient.",
  "x-pgmq": {
    "visibility_timeout": 30,
    "max_attempts": 5
  },
  "type": "object",
  "required": ["to", "subject"],
  "additionalProperties": false,
  "properties": {
    "to": {
      "description": "Address of the recipient.",
      "type": "string",
      "format": "email"
    },
    "subject": {
      "type": "string",
      "minLength": 1
    },
    "body": {
      "description": "Plain text.",
      "type": "string"
    }
  }
}
""",
    "pgmqgen.toml": """\
# Every key is optional; these are the defaults.
# schemas = "schemas"
# output = "generated"  # .gitattributes and ruff.toml name it as well

# [defaults]
# max_attempts = 5

[database]
# Without DATABASE_URL, commands use the embedded PostgreSQL: pip install 'pgmqgen[local]'.
local = true
""",
    ".gitattributes": """\
generated/** linguist-generated
generated/handlers/** -linguist-generated
""",
    "ruff.toml": """\
# Generated code is left alone; the handlers in it are yours, and are checked like the rest.
extend-exclude = ["generated/{__init__,registry}.py", "generated/*/{__init__,models,producer,validator}.py"]
""",
    ".gitignore": """\
.pgmqgen/
__pycache__/
""",
}
"""The files of a new project, by path."""


def create_project(folder: Path) -> tuple[list[str], list[str]]:
    """Write the files that are not there yet; return those written, and those kept."""
    written, kept = [], []
    for name, text in FILES.items():
        path = folder / name
        if path.exists() or (name == "ruff.toml" and _has_ruff(folder)):
            kept.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(name)
    return written, kept


def _has_ruff(folder: Path) -> bool:
    """Whether ruff is configured here: a ruff.toml would shadow what pyproject.toml says."""
    pyproject = folder / "pyproject.toml"
    configured = pyproject.is_file() and "[tool.ruff" in pyproject.read_text(encoding="utf-8")
    return configured or (folder / ".ruff.toml").exists()

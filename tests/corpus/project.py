"""A project whose queues are published schemas, taken from the packages of requirements.txt."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.corpus.packages import unpacked

_KUBERNETES = "src/kubernetes_validate/kubernetes-json-schema/v1.15.0-local"
_ASDF = "asdf_standard/resources/stable/schemas/stsci.edu"
_GROUPS = {
    "ci": ("check-jsonschema", "src/check_jsonschema/builtin_schemas/vendor/*.json"),
    "ansible": ("ansible-lint", "src/ansiblelint/schemas/[a-z]*.json"),
    "cyclonedx": ("cyclonedx-python-lib", "cyclonedx/schema/_res/*.json"),
    "notebook": ("nbformat", "nbformat/v*/nbformat.v*.?.schema.json"),
    "openapi": ("openapi-spec-validator", "**/resources/schemas/v*/schema.json"),
    "metaschema": ("jsonschema-specifications", "**/schemas/draft[4-7]/metaschema.json"),
    "asdf": ("asdf-standard", f"{_ASDF}/asdf/*/*.yaml"),
    "commonmeta": ("commonmeta-schema", "commonmeta_schema/schemas/*.json"),
    "datacite": ("datacite", "datacite/schemas/*.json"),
    "cert": ("cert-schema", "cert_schema/*/*chema*.json"),
    "geo": ("frictionless", "frictionless/assets/profiles/*.json"),
    "k8s": ("kubernetes-validate", f"{_KUBERNETES}/*.json"),
    "cfn": ("cfn-lint", "cfnlint/data/schemas/resources/*.json"),
}
"""By prefix of the queues: a package, and where its schemas lie."""
_LEFT_OUT = {
    "ci_azure_pipelines": "takes 15 seconds to compile",
    "ci_drone_ci": "refers to a file that the package does not have",
    "ci_meltano": "its draft-07 metaschema is contradicted: an enum that is no list",
    "asdf_wcs_step_1_1_0": "refers to a file that the package does not have",
    "asdf_wcs_step_1_2_0": "refers to a file that the package does not have",
    "asdf_wcs_wcs_1_1_0": "refers to the step of that version",
    "asdf_wcs_wcs_1_2_0": "refers to the step of that version",
}
_KINDS = [
    "configmap-v1",
    "daemonset-apps-v1",
    "deployment-apps-v1",
    "event-v1",
    "job-batch-v1",
    "namespace-v1",
    "networkpolicy-networking-v1",
    "node-v1",
    "persistentvolumeclaim-v1",
    "pod-v1",
    "role-rbac-v1",
    "secret-v1",
    "rolebinding-rbac-v1",
    "service-v1",
    "serviceaccount-v1",
    "statefulset-apps-v1",
    "storageclass-storage-v1",
    "horizontalpodautoscaler-autoscaling-v1",
]
_RESOURCES = [
    "ApiGateway::RestApi",
    "Backup::BackupPlan",
    "Batch::JobDefinition",
    "CloudFront::Distribution",
    "CloudWatch::Alarm",
    "CodeBuild::Project",
    "Cognito::UserPool",
    "DynamoDB::Table",
    "EC2::VPC",
    "ECR::Repository",
    "ECS::Service",
    "ECS::TaskDefinition",
    "EKS::Cluster",
    "Events::Rule",
    "Glue::Job",
    "KMS::Key",
    "Kinesis::Stream",
    "Lambda::Function",
    "RDS::DBInstance",
    "Route53::RecordSet",
    "S3::Bucket",
    "SNS::Topic",
    "SQS::Queue",
    "SSM::Parameter",
    "StepFunctions::StateMachine",
    "WAFv2::WebACL",
]
_CONFIGURATION = """\
[lint]
ignore = ["*"]
[vendored]
"https://kubernetes.test/" = "vendored/kubernetes"
"http://cyclonedx.org/schema/" = "vendored/cyclonedx"
"https://w3id.org/blockcerts/schema/" = "vendored/cert"
"http://stsci.edu/schemas/" = "vendored/asdf"
"""


def make_project(folder: Path, every: int = 1) -> tuple[str, ...]:
    """Write the project, of one schema in `every`, and return the names of its queues."""
    schemas = folder / "schemas"
    schemas.mkdir()
    (folder / "pgmqgen.toml").write_text(_CONFIGURATION)
    _vendor(folder / "vendored")
    names = []
    for name, path in islice(_find(), 0, None, every):
        (schemas / f"{name}{path.suffix}").write_text(_read(path), encoding="utf-8")
        names.append(name)
    return tuple(names)


def documents() -> Iterator[tuple[str, Path]]:
    """The example documents of the packages, each with the queue that it is for."""
    hooks = unpacked("check-jsonschema") / "tests/example-files/hooks/positive"
    for path in hooks.rglob("*.[jy]*"):
        if path.suffix in (".json", ".yaml", ".yml"):
            yield f"ci_{_slug(path.parent.name)}", path
    for path in unpacked("nbformat").rglob("*.ipynb"):
        minor = re.search(r'"nbformat_minor": *(\d)', path.read_text(encoding="utf-8"))
        yield f"notebook_v4_nbformat_v4_{minor[1] if minor else 0}_schema", path
    for path in (unpacked("cyclonedx-python-lib") / "tests/_data/schemaTestData").rglob("*.json"):
        yield f"cyclonedx_bom_{_slug(path.parent.name)}_snapshot_schema", path
    for _, path in _find():
        if path.suffix == ".json" and (draft := re.search(r"draft-0([467])", path.read_text())):
            yield f"metaschema_draft{draft[1]}_metaschema", path


def _find() -> Iterator[tuple[str, Path]]:
    for group, (package, pattern) in _GROUPS.items():
        for path in sorted(unpacked(package).glob(pattern)):
            name = _name(group, path)
            if name and name not in _LEFT_OUT and path.parent.name not in ("1.2", "3.0-alpha"):
                yield name, path


def _name(group: str, path: Path) -> str | None:
    match group:
        case "k8s":
            return f"k8s_{_slug(path.stem)}" if path.stem in _KINDS else None
        case "cfn":
            kind = str(json.loads(path.read_text()).get("typeName")).removeprefix("AWS::")
            return f"cfn_{_slug(kind)}" if kind in _RESOURCES else None
        case "asdf" | "cert" | "metaschema" | "notebook" | "openapi":
            return f"{group}_{_slug(path.parent.name)}_{_slug(path.stem)}"
        case _:
            return f"{group}_{_slug(path.stem)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _read(path: Path) -> str:
    """A schema, with its references to neighbours made absolute."""
    text = path.read_text(encoding="utf-8")
    return text.replace('"_definitions.json', '"https://kubernetes.test/_definitions.json')


def _vendor(folder: Path) -> None:
    (folder / "cyclonedx").mkdir(parents=True)
    for path in unpacked("cyclonedx-python-lib").glob("cyclonedx/schema/_res/*.json"):
        for name in (path.name, path.name.replace(".SNAPSHOT", "")):
            shutil.copy(path, folder / "cyclonedx" / name)
    (folder / "kubernetes").mkdir()
    definitions = unpacked("kubernetes-validate") / _KUBERNETES / "_definitions.json"
    shutil.copy(definitions, folder / "kubernetes")
    shutil.copytree(unpacked("cert-schema") / "cert_schema", folder / "cert")
    base = unpacked("asdf-standard") / _ASDF
    for path in base.rglob("*.yaml"):
        target = (folder / "asdf" / path.relative_to(base)).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

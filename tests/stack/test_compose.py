"""docker-compose.yml and the Makefile, read as text: no engine is needed to see that they hold together."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from holo.stack.temporal_server import LIMITS
from tests.stack.conftest import ROOT

pytestmark = pytest.mark.pure

SCHEMA = Path(__file__).with_name("compose_schema.json")
DATA_SERVICES = {"postgres", "valkey", "temporal"}
PRODUCT = {"web", "relay", "worker", "celery", "beat"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, with anchors and merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_file_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    problems = [
        f"{list(error.path)}: {error.message}" for error in Draft202012Validator(schema).iter_errors(compose)
    ]
    assert problems == []


@pytest.mark.parametrize(
    "broken",
    [
        {"services": {"web": {"imagee": "x"}}},
        {"services": {"web": {"depends_on": {"db": {"condition": "healthy"}}}}},
        {"services": {"web": {"healthcheck": {"test": ["CMD"], "interval": 5}}}},
        {"services": {"web": {"ports": [{"targett": 1}]}}},
    ],
)
def test_schema_refuses_what_compose_refuses(broken: dict[str, Any]) -> None:
    assert not Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid(broken)


def test_same_parts_as_the_embedded_stack(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == DATA_SERVICES | PRODUCT | {"temporal-ui"}


def test_every_service_has_a_healthcheck_and_waits_for_healthy_ones(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"], name
        for needed, how in service.get("depends_on", {}).items():
            assert needed in compose["services"], (name, needed)
            assert how == {"condition": "service_healthy"}, (name, needed)


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.search(r":\d+\.\d+(\.\d+)?(-alpine)?$", service["image"]), name
    first = re.search(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert first is not None
    assert re.search(r":\d+\.\d+\.\d+-slim", first[1])


def test_data_services_have_no_port_and_the_others_the_loopback_alone(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        ports = service.get("ports", [])
        assert not (ports and name in DATA_SERVICES), name
        assert all(port.startswith("127.0.0.1:") for port in ports), name


def test_product_connects_as_the_app_role_and_migrates_as_the_owner(compose: dict[str, Any]) -> None:
    roles = (ROOT / "holo/stack/compose/roles.sh").read_text()
    for name in PRODUCT:
        environment = compose["services"][name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgres://holo_app:")
        assert environment["MIGRATE_DATABASE_URL"].startswith("postgres://holo_owner:")
    for role in ("holo_owner", "holo_app", "temporal"):
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in roles
    assert "REVOKE TEMPORARY, CREATE ON DATABASE holo FROM PUBLIC" in roles


def test_mounted_files_exist(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_limits_of_both_temporal_servers_agree() -> None:
    loaded = yaml.safe_load((ROOT / "holo/stack/compose/temporal.yaml").read_text())
    assert {key: entries[0]["value"] for key, entries in loaded.items()} == LIMITS


def test_help_lists_every_target_of_the_makefile() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    declared = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared is not None
    assert re.findall(r"^  make (\w+)", listed, re.MULTILINE) == declared[1].split()

"""docker-compose.yml and the Makefile, read as text: no engine is needed to see that they hold together."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from holo.stack.env import read_file
from holo.stack.grants import READERS
from holo.stack.temporal_server import LIMITS
from tests.stack.conftest import ROOT

pytestmark = pytest.mark.pure

SCHEMA = Path(__file__).with_name("compose_schema.json")
DATA_SERVICES = {"db", "valkey", "temporal-db", "temporal"}
ONCE = {"migrate"}
# A worker for each domain that is shipped, so that each fails and is scaled alone.
DOMAINS = {path.parent.name for path in (ROOT / "workflows").glob("*/domain.py")}
PRODUCT = {"web", "relay", "celery", "beat", *ONCE, *(f"worker-{name}" for name in DOMAINS)}
TRY = ROOT / "holo" / "stack" / "compose" / "try.env"
_VARIABLE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")


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
        assert name in ONCE or service["healthcheck"]["test"], name
        for needed, how in service.get("depends_on", {}).items():
            assert needed in compose["services"], (name, needed)
            ready = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how == {"condition": ready}, (name, needed)


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


def test_web_ui_of_temporal_is_off_unless_asked_for(compose: dict[str, Any]) -> None:
    assert compose["services"]["temporal-ui"]["profiles"] == ["ui"]
    for name in PRODUCT:
        assert compose["services"][name]["environment"]["TEMPORAL_UI_URL"] == "${TEMPORAL_UI_URL:-}", name


def test_product_connects_as_the_app_role_and_migrates_as_the_owner(compose: dict[str, Any]) -> None:
    roles = (ROOT / "holo/stack/compose/roles.sh").read_text()
    for name in PRODUCT:
        environment = compose["services"][name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgres://holo_app:")
        # Elsewhere without a password: it tells the fence that the owner is somebody else.
        owner = "postgres://holo_owner:" if name in ONCE else "postgres://holo_owner@"
        assert environment["MIGRATE_DATABASE_URL"].startswith(owner), name
    for role in ("holo_owner", "holo_app"):
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in roles
    for role in READERS:
        assert f"CREATE ROLE {role} NOLOGIN" in roles
    assert "REVOKE TEMPORARY, CREATE ON DATABASE holo FROM PUBLIC" in roles


def test_other_settings_come_from_a_file_that_need_not_be_there(compose: dict[str, Any]) -> None:
    for name in PRODUCT:
        assert compose["services"][name]["env_file"] == [{"path": "holo.env", "required": False}], name


def test_every_part_has_the_same_ring_for_payloads(compose: dict[str, Any]) -> None:
    """One that seals and one that cannot open would stop each other's runs."""
    for name in PRODUCT:
        assert compose["services"][name]["environment"]["TEMPORAL_KEYRING"] == "${TEMPORAL_KEYRING:-}", name


def test_each_worker_serves_one_domain_and_every_part_knows_all(compose: dict[str, Any]) -> None:
    for domain in DOMAINS:
        service = compose["services"][f"worker-{domain}"]
        assert service["command"] == ["python", "manage.py", "run_worker", "--domain", domain]
    for name in PRODUCT:
        assert compose["services"][name]["environment"]["ENABLE_DOMAINS"].startswith("${ENABLE_DOMAINS:-")


def test_the_two_databases_have_nothing_in_common(compose: dict[str, Any]) -> None:
    business, store = compose["services"]["db"], compose["services"]["temporal-db"]
    assert not _passwords(business) & _passwords(store)
    assert not {mount.split(":")[0] for mount in business["volumes"]} & set(store["volumes"])
    assert not set(business["networks"]) & set(store["networks"])
    beside = {
        name for name, service in compose["services"].items() if "temporal-store" in service["networks"]
    }
    assert beside == {"temporal", "temporal-db"}
    for name in PRODUCT:
        assert not _passwords(compose["services"][name]) & _passwords(store), name


def _passwords(service: dict[str, Any]) -> set[str]:
    return {name for name, _sign, _text in _VARIABLE.findall(str(service["environment"])) if "PASS" in name}


def test_what_is_secret_is_required_and_the_first_look_has_it_all() -> None:
    found = _VARIABLE.findall((ROOT / "docker-compose.yml").read_text())
    required = {name for name, sign, _text in found if sign == "?"}
    given = read_file(TRY)
    assert set(given) == required | {"DEBUG"}
    assert given["DEBUG"] == "1"
    for name, sign, text in found:
        assert sign == "-" or text == "is not set; see docs/deploy.md", name
        assert sign == "?" or not re.search("PASSWORD|SECRET", name), name


def test_product_has_no_privileges_in_its_container(compose: dict[str, Any]) -> None:
    for name in PRODUCT:
        service = compose["services"][name]
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
    assert re.search(r"^USER holo$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_settings_take_what_the_first_look_gives_them(compose: dict[str, Any], tmp_path: Path) -> None:
    """The services' environment, with the variables put in, starts Django."""
    given = read_file(TRY)
    for name in ("web", "migrate"):
        environment = {
            key: _VARIABLE.sub(lambda found: given.get(found[1], found[3]), value)
            for key, value in compose["services"][name]["environment"].items()
        }
        own = {"HOLO_RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "holo.settings"}
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", "import django; django.setup()"],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", **own, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr


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

"""The compose files and the Makefile, read as text: no engine is needed to see that they hold together.

`docker-compose.yml` alone is the demonstration, with `compose.production.yml` on top it is production.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from holo.common import published
from holo.stack.grants import READERS
from holo.stack.temporal_server import LIMITS
from tests.bad_inputs.cases.variables import BASE
from tests.stack.conftest import ROOT

pytestmark = pytest.mark.pure

SCHEMA = Path(__file__).with_name("compose_schema.json")
DATA_SERVICES = {"db", "valkey", "temporal-db", "temporal"}
ONCE = {"migrate", "demo-data"}
# A worker for each domain that is shipped, so that each fails and is scaled alone.
DOMAINS = {path.parent.name for path in (ROOT / "workflows").glob("*/domain.py")}
PRODUCT = {"web", "relay", "celery", "beat", *ONCE, *(f"worker-{name}" for name in DOMAINS)}
DEMONSTRATION, PRODUCTION = ROOT / "docker-compose.yml", ROOT / "compose.production.yml"
# Of the domains that are shipped, production serves these unless asked for more.
SERVED = {"orders", "users"}
_VARIABLE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")
# What the later file replaces instead of adding to it.
_REPLACED = frozenset({"command", "entrypoint", "test"})

Model = dict[str, Any]


def merged(earlier: Any, later: Any, key: str = "") -> Any:
    """Merge as Compose does: mappings by key, sequences by appending what is new, all else replaced."""
    if isinstance(earlier, dict) and isinstance(later, dict):
        both = {name: merged(earlier[name], later[name], name) for name in earlier.keys() & later.keys()}
        return {**earlier, **later, **both}
    if isinstance(earlier, list) and isinstance(later, list) and key not in _REPLACED:
        return [*earlier, *(one for one in later if one not in earlier)]
    return later


def load(*files: Path) -> Model:
    """Return the files, each with anchors and merges resolved, merged in their order."""
    model: Model = {}
    for file in files:
        model = merged(model, yaml.safe_load(file.read_text()))
    return model


@pytest.fixture(scope="module")
def demonstration() -> Model:
    return load(DEMONSTRATION)


@pytest.fixture(scope="module")
def production() -> Model:
    return load(DEMONSTRATION, PRODUCTION)


@pytest.fixture(scope="module", params=["demonstration", "production"])
def compose(request: pytest.FixtureRequest) -> Model:
    """What both must hold."""
    model: Model = request.getfixturevalue(request.param)
    return model


def started(model: Model) -> set[str]:
    """Return the services that start where no profile is asked for."""
    return {name for name, service in model["services"].items() if not service.get("profiles")}


def test_later_file_wins_and_adds() -> None:
    """The control, with the examples of the specification."""
    earlier = {"a": {"k": 1, "l": [1, 2], "command": ["x"]}}
    later = {"a": {"k": 2, "l": [2, 3], "command": ["y"]}, "b": None}
    assert merged(earlier, later) == {"a": {"k": 2, "l": [1, 2, 3], "command": ["y"]}, "b": None}


def test_file_fits_the_compose_specification(compose: Model) -> None:
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


def test_same_parts_as_the_embedded_stack(compose: Model) -> None:
    assert set(compose["services"]) == DATA_SERVICES | PRODUCT | {"temporal-ui"}


def test_every_service_has_a_healthcheck_and_waits_for_healthy_ones(compose: Model) -> None:
    for name, service in compose["services"].items():
        assert name in ONCE or service["healthcheck"]["test"], name
        for needed, how in service.get("depends_on", {}).items():
            assert needed in compose["services"], (name, needed)
            ready = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how == {"condition": ready}, (name, needed)


def test_images_are_pinned(compose: Model) -> None:
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.search(r":\d+\.\d+(\.\d+)?(-alpine)?$", service["image"]), name
    first = re.search(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert first is not None
    assert re.search(r":\d+\.\d+\.\d+-slim", first[1])


def test_data_services_have_no_port_and_the_others_the_loopback_alone(compose: Model) -> None:
    for name, service in compose["services"].items():
        ports = service.get("ports", [])
        assert not (ports and name in DATA_SERVICES), name
        assert all(port.startswith("127.0.0.1:") for port in ports), name


def test_demonstration_starts_everything_with_data_and_asks_for_no_variable(demonstration: Model) -> None:
    services = demonstration["services"]
    assert started(demonstration) == set(services)
    assert services["temporal-ui"]["ports"] == ["127.0.0.1:8088:8080"]
    assert services["demo-data"]["command"] == ["python", "manage.py", "seed_demo"]
    for name in PRODUCT:
        environment = services[name]["environment"]
        assert (environment["DEBUG"], environment["DEMO"]) == ("1", "1")
        assert environment["TEMPORAL_UI_URL"] == "http://127.0.0.1:8088"
        assert set(environment["ENABLE_DOMAINS"].split(",")) == DOMAINS
    # `$$` is a dollar of the shell in the container.
    assert "$" not in DEMONSTRATION.read_text().replace("$$", "")


def test_production_starts_no_ui_no_example_and_no_demo_data(production: Model) -> None:
    left_out = {"temporal-ui", "demo-data", *(f"worker-{name}" for name in DOMAINS - SERVED)}
    assert started(production) == set(production["services"]) - left_out
    for name in PRODUCT:
        environment = production["services"][name]["environment"]
        assert (environment["DEBUG"], environment["DEMO"]) == ("0", "0")
        assert environment["TEMPORAL_UI_URL"] == "${TEMPORAL_UI_URL:-}", name


def test_production_shares_nothing_with_the_demonstration(demonstration: Model, production: Model) -> None:
    """Volumes and networks are named after the project."""
    assert demonstration["name"] != production["name"]
    shown = yaml.safe_dump(production["services"], width=10_000)
    keys = {
        match[1] for match in re.finditer(r"look(?:-\w+)?:([A-Za-z0-9+/=]{44})", DEMONSTRATION.read_text())
    }
    assert len(keys) == 2
    for secret in (published.SECRETS | keys) - {"password"}:
        assert secret not in shown, secret


def test_networks_keep_data_inside(compose: Model) -> None:
    inside = {name for name, network in compose["networks"].items() if (network or {}).get("internal")}
    assert inside == {"data", "temporal", "temporal-store"}
    for name, service in compose["services"].items():
        outward = set(service["networks"]) - inside
        if name in DATA_SERVICES | ONCE:
            assert not outward, name
        if service.get("ports"):
            assert outward, name
    outside = {name for name, service in compose["services"].items() if "outside" in service["networks"]}
    assert outside == PRODUCT - ONCE
    ui = {name for name, service in compose["services"].items() if "ui" in service["networks"]}
    assert ui == {"temporal-ui"}


def test_product_connects_as_the_app_role_and_migrates_as_the_owner(compose: Model) -> None:
    roles = (ROOT / "holo/stack/compose/roles.sh").read_text()
    for name in PRODUCT:
        environment = compose["services"][name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgres://holo_app:")
        # Elsewhere without a password: it tells the fence that the owner is somebody else.
        owner = "postgres://holo_owner:" if name == "migrate" else "postgres://holo_owner@"
        assert environment["MIGRATE_DATABASE_URL"].startswith(owner), name
    for role in ("holo_owner", "holo_app"):
        assert f"CREATE ROLE {role} LOGIN NOSUPERUSER" in roles
    for role in READERS:
        assert f"CREATE ROLE {role} NOLOGIN" in roles
    assert "REVOKE TEMPORARY, CREATE ON DATABASE holo FROM PUBLIC" in roles


def test_other_settings_come_from_a_file_that_need_not_be_there(production: Model) -> None:
    for name in PRODUCT:
        assert production["services"][name]["env_file"] == [{"path": "holo.env", "required": False}], name


def test_every_part_has_the_same_settings(compose: Model) -> None:
    """Two rings for payloads, one that seals and one that cannot open, would stop each other's runs."""
    of_web = compose["services"]["web"]["environment"]
    for name in PRODUCT - {"migrate"}:
        assert compose["services"][name]["environment"] == of_web, name
    of_migrate = compose["services"]["migrate"]["environment"]
    assert {name for name in of_web if of_migrate[name] != of_web[name]} == {"MIGRATE_DATABASE_URL"}


def test_each_worker_serves_one_domain_and_every_part_knows_all(compose: Model) -> None:
    for domain in DOMAINS:
        service = compose["services"][f"worker-{domain}"]
        assert service["command"] == ["python", "manage.py", "run_worker", "--domain", domain]


def test_the_two_databases_have_nothing_in_common(compose: Model) -> None:
    business, store = compose["services"]["db"], compose["services"]["temporal-db"]
    assert _passwords(store)
    assert not _passwords(business) & _passwords(store)
    assert not {mount.split(":")[0] for mount in business["volumes"]} & set(store["volumes"])
    assert not set(business["networks"]) & set(store["networks"])
    beside = {
        name for name, service in compose["services"].items() if "temporal-store" in service["networks"]
    }
    assert beside == {"temporal", "temporal-db"}
    for name in PRODUCT:
        assert not _passwords(compose["services"][name]) & _passwords(store), name


def _passwords(service: Model) -> set[str]:
    """Return the passwords that a service is told: those that stand there, or the variables of them."""
    told = str(service["environment"])
    variables = {name for name, _sign, _text in _VARIABLE.findall(told) if "PASS" in name}
    return variables | {word for word in re.findall(r"look-\w+", told) if word in published.SECRETS}


def test_production_requires_what_is_secret_and_what_has_no_good_default() -> None:
    found = _VARIABLE.findall(PRODUCTION.read_text())
    required = {name for name, sign, _text in found if sign == "?"}
    assert required == set(GIVEN)
    for name, sign, text in found:
        assert sign == "-" or text == "is not set; see docs/deploy.md", name
        assert sign == "?" or not re.search("PASSWORD|SECRET|KEYRING|TOKEN", name), name
    assert "$" not in _VARIABLE.sub("", PRODUCTION.read_text())


def test_product_has_no_privileges_in_its_container(compose: Model) -> None:
    for name in PRODUCT:
        service = compose["services"][name]
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
    assert re.search(r"^USER holo$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


# What somebody puts into `.env` for production.
GIVEN = {
    **{name: value for name, value in BASE.items() if name not in ("DEBUG", "CSRF_TRUSTED_ORIGINS")},
    **{
        name: f"random-{number}"
        for number, name in enumerate(
            ("HOLO_APP_PASSWORD", "HOLO_OWNER_PASSWORD", "POSTGRES_PASSWORD", "TEMPORAL_PASSWORD")
        )
    },
}
_WEAK = """
import django
django.setup()
from holo.common import weak_settings
weak_settings._added.clear()  # rows, in a database that is not there
print(*sorted({weak.setting for weak in weak_settings.weak_settings()}))
"""


def weak_in(service: Model, given: dict[str, str], tmp_path: Path) -> str:
    """Return what is weak in a service whose variables are put in; Django must start with them."""
    environment = {
        key: _VARIABLE.sub(lambda found: given.get(found[1], found[3]), value)
        for key, value in service["environment"].items()
    }
    own = {"HOLO_RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "holo.settings"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WEAK],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("name", ["web", "migrate"])
def test_settings_take_what_the_files_give_them(
    name: str, demonstration: Model, production: Model, tmp_path: Path
) -> None:
    """The demonstration starts; so does production, with nothing weak, from `.env` alone."""
    assert weak_in(demonstration["services"][name], {}, tmp_path) == ""
    assert weak_in(production["services"][name], GIVEN, tmp_path) == ""


def test_control_demonstration_is_weak_without_debug(demonstration: Model, tmp_path: Path) -> None:
    service = demonstration["services"]["migrate"]
    service = {"environment": {**service["environment"], "DEBUG": "0", "DEMO": "0"}}
    refused = "DATABASE_URL MIGRATE_DATABASE_URL PAYMENT_GATEWAY SECRETS_KEYRING SECRET_KEY TEMPORAL_KEYRING"
    assert set(refused.split()) <= set(weak_in(service, {}, tmp_path).split())


def test_mounted_files_exist(compose: Model) -> None:
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

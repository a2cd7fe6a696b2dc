"""Workflow code stays deterministic and free of Django: what it may import and call."""

from pathlib import Path

import pytest

from workflows.runtime.purity import file_problems, problems

ROOT = Path(__file__).resolve().parent.parent.parent


def _workflow_files() -> list[Path]:
    domains = [folder for folder in (ROOT / "workflows").iterdir() if (folder / "domain.py").is_file()]
    names = ("workflow.py", "contracts.py", "usecases.py", "ports.py")
    files = [folder / name for folder in domains for name in names if (folder / name).is_file()]
    return [*files, ROOT / "workflows/runtime/saga.py", ROOT / "workflows/runtime/policies.py"]


@pytest.mark.pure
@pytest.mark.parametrize("path", _workflow_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_workflow_code_is_deterministic(path: Path) -> None:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    assert file_problems(path, package=package) == []


@pytest.mark.pure
@pytest.mark.parametrize(
    "source",
    [
        "import django",
        "from django.conf import settings",
        "from orders.models import Order",
        "from workflows.orders.activities import reserve",
        "import os",
        "import random",
        "import time",
        "import uuid",
        "from uuid import uuid4",
        "from temporalio import activity",
        "from temporalio.client import Client",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.now()",
        "import asyncio\nasyncio.wait([])",
        "import asyncio\nasyncio.as_completed([])",
        "open('x')",
        "for x in {1, 2}: pass",
        "for x in set(y): pass",
        "try:\n    pass\nexcept:\n    pass",
        "try:\n    pass\nexcept BaseException:\n    pass",
    ],
)
def test_impure_code_is_found(source: str) -> None:
    assert problems(source, file="workflow.py", package="workflows.orders") != []


@pytest.mark.pure
def test_pure_code_passes() -> None:
    source = (
        "import asyncio\n"
        "from uuid import UUID\n"
        "from temporalio import workflow\n"
        "from workflows.orders.contracts import OrderRef\n"
        "from workflows.runtime.saga import Saga\n"
        "async def run(a):\n"
        "    try:\n"
        "        await asyncio.gather(a, workflow.wait([a]))\n"
        "    except asyncio.CancelledError:\n"
        "        return workflow.now()\n"
    )
    assert problems(source, file="workflow.py", package="workflows.orders") == []

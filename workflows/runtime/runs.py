"""Reads of many runs at once: what Temporal tells of each id, and which runs are open."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError

from workflows.runtime import client
from workflows.runtime.errors import WorkflowNotFoundError

RUNNING = "RUNNING"
_AT_ONCE = 32
_PAGE = 500
_PAGE_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The latest run of an id; `task_attempts` counts the tries of the workflow task that is pending."""

    workflow_id: str
    status: str
    started_at: datetime
    task_attempts: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status == RUNNING


def find_runs(workflow_ids: Collection[str]) -> dict[str, Run]:
    """Return what Temporal knows of each id, exact as of now; an id without a run is not in the answer."""

    async def ask(connected: Client) -> dict[str, Run]:
        turn = asyncio.Semaphore(_AT_ONCE)
        found = await asyncio.gather(*(_describe(connected, turn, one) for one in workflow_ids))
        return {run.workflow_id: run for run in found if run is not None}

    return client.call(ask, timeout=_PAGE_TIMEOUT) if workflow_ids else {}


async def _describe(connected: Client, turn: asyncio.Semaphore, workflow_id: str) -> Run | None:
    async with turn:
        try:
            found = await connected.get_workflow_handle(workflow_id).describe(rpc_timeout=client.RPC_TIMEOUT)
        except RPCError as error:
            if isinstance(client.domain_error(error), WorkflowNotFoundError):
                return None
            raise
    return Run(
        workflow_id=found.id,
        status=found.status.name if found.status else "UNKNOWN",
        started_at=found.start_time,
        task_attempts=found.raw_description.pending_workflow_task.attempt,
    )


def list_open_runs(workflow: type) -> Iterator[list[Run]]:
    """Yield the open runs of a workflow by pages, newest first; the listing lags by a moment."""
    query = f"WorkflowType = '{client.workflow_name(workflow)}' AND ExecutionStatus = 'Running'"
    token: bytes | None = None
    while True:
        page, token = _page(query, token)
        yield [
            Run(workflow_id=run.id, status=run.status.name if run.status else "", started_at=run.start_time)
            for run in page
        ]
        if not token:
            return


def list_runs(
    workflow_types: Collection[str], *, status: str | None = None, limit: int
) -> list[client.WorkflowDescription]:
    """Return the newest runs of some types, `status` as Temporal names it; the listing lags by a moment."""
    types = ", ".join(f"'{name}'" for name in workflow_types)
    query = f"WorkflowType IN ({types})" + (f" AND ExecutionStatus = '{status}'" if status else "")

    async def ask(connected: Client) -> list[client.WorkflowDescription]:
        listing = connected.list_workflows(query, limit=limit, rpc_timeout=client.RPC_TIMEOUT)
        return [client.description_of(run) async for run in listing]

    return client.call(ask, timeout=_PAGE_TIMEOUT) if workflow_types else []


def _page(query: str, token: bytes | None) -> tuple[list[WorkflowExecution], bytes | None]:
    async def ask(connected: Client) -> tuple[list[WorkflowExecution], bytes | None]:
        listing = connected.list_workflows(
            query, page_size=_PAGE, next_page_token=token, rpc_timeout=client.RPC_TIMEOUT
        )
        await listing.fetch_next_page()
        return list(listing.current_page or ()), listing.next_page_token

    return client.call(ask)

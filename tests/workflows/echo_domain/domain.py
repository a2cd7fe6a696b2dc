"""The domain."""

from temporalio import activity

from tests.workflows.echo_domain.contracts import Activity, Leaf, Tree
from tests.workflows.echo_domain.workflow import CarelessWorkflow, EchoWorkflow
from workflows.runtime.registry import Domain


@activity.defn(name=Activity.ECHO)
def echo(tree: Tree) -> Tree:
    """Return the tree."""
    return tree


@activity.defn(name=Activity.ECHO_LIST)
def echo_list(leaves: list[Leaf]) -> list[Leaf]:
    """Return the leaves, which are leaves."""
    assert all(isinstance(leaf, Leaf) for leaf in leaves)
    return leaves


@activity.defn(name=Activity.WRONG)
def wrong() -> dict[str, str]:
    """Return what is no tree."""
    return {"id": "secret-value"}


DOMAIN = Domain(
    name="echo",
    task_queue="echo",
    workflows=(EchoWorkflow, CarelessWorkflow),
    activities=(echo, echo_list, wrong),
)

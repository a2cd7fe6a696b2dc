"""Returns what it is given, through an activity."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tests.workflows.echo_domain.contracts import Activity, Leaf, Mode, Tree
    from workflows.runtime.policies import LOCAL_STEP, OUTSIDE_CALL


@workflow.defn
class EchoWorkflow:
    """Sends the tree through a remote and a local activity."""

    def __init__(self) -> None:
        self._told: Leaf | None = None

    @workflow.run
    async def run(self, tree: Tree) -> Tree:
        """Return the tree."""
        remote: Tree = await workflow.execute_activity(Activity.ECHO, tree, result_type=Tree, **OUTSIDE_CALL)
        leaves: list[Leaf] = await workflow.execute_local_activity(
            Activity.ECHO_LIST, list(tree.leaves), result_type=list[Leaf], **LOCAL_STEP
        )
        return remote.model_copy(update={"leaves": tuple(leaves)})

    @workflow.signal
    def tell(self, leaf: Leaf) -> None:
        """Keep the leaf."""
        self._told = leaf

    @workflow.query
    def told(self) -> Leaf | None:
        """Return it."""
        return self._told


@workflow.defn
class CarelessWorkflow:
    """Hands an activity what it does not take, or takes from it what it does not give."""

    @workflow.run
    async def run(self, mode: Mode) -> str:
        """Never return."""
        if mode is Mode.WRONG_ARGUMENT:
            await workflow.execute_activity(Activity.ECHO, "no tree", **OUTSIDE_CALL)
        await workflow.execute_local_activity(Activity.WRONG, result_type=Tree, **LOCAL_STEP)
        return "unreachable"

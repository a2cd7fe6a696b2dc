"""The process of a greeting."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.hello.contracts import Activity, Greeting
    from workflows.runtime.policies import LOCAL_STEP


@workflow.defn
class GreetingWorkflow:
    """Compose a greeting and return it."""

    @workflow.run
    async def run(self, greeting: Greeting) -> str:
        """Return the greeting's text."""
        text: str = await workflow.execute_local_activity(
            Activity.COMPOSE_GREETING, greeting, result_type=str, **LOCAL_STEP
        )
        return text

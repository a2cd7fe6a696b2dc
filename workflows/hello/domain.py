"""The domain of greetings: its activity, and how one is started."""

from uuid import uuid4

from temporalio import activity

from workflows.hello.contracts import Activity, Greeting
from workflows.hello.workflow import GreetingWorkflow
from workflows.runtime.registry import Domain, Start


@activity.defn(name=Activity.COMPOSE_GREETING)
def compose_greeting(greeting: Greeting) -> str:
    """Return the text."""
    return f"Hello, {greeting.name}!"


DOMAIN = Domain(
    name="hello",
    task_queue="hello",
    workflows=(GreetingWorkflow,),
    activities=(compose_greeting,),
    starts={
        "hello": Start(
            workflow=GreetingWorkflow, input=Greeting, workflow_id=lambda _: f"hello-{uuid4()}", result=str
        )
    },
)

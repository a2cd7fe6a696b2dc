"""The composition root: which adapters the domain runs on, and how an order is started."""

from workflows.pizza.activities import PizzaActivities
from workflows.pizza.adapters.database import database_ports
from workflows.pizza.contracts import OrderRef, Outcome, PizzaOrder, Receipt, pizza_workflow_id
from workflows.pizza.ports import OrderDiffersError, Ports
from workflows.pizza.workflow import PizzaOrderWorkflow
from workflows.runtime.registry import Domain, Start, StartRefusedError


def pizza_domain(ports: Ports) -> Domain:
    """Return the domain on the given adapters."""

    def begin(order: PizzaOrder) -> OrderRef:
        try:
            ports.repository.save_order(order)
        except OrderDiffersError as error:
            raise StartRefusedError(str(error)) from error
        return OrderRef(order_id=order.order_id, baking_seconds=order.baking_seconds)

    def report(outcome: Outcome) -> Receipt:
        return ports.repository.get_receipt(outcome.order_id)

    return Domain(
        name="pizza",
        task_queue="pizza",
        workflows=(PizzaOrderWorkflow,),
        activities=PizzaActivities(ports).all(),
        starts={
            "pizza": Start(
                workflow=PizzaOrderWorkflow,
                input=PizzaOrder,
                workflow_id=lambda order: pizza_workflow_id(order.order_id),
                begin=begin,
                result=Outcome,
                report=report,
            )
        },
    )


DOMAIN = pizza_domain(database_ports())

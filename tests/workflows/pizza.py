"""Pizza orders for tests."""

import json
from pathlib import Path
from typing import Any

from workflows.pizza.contracts import PizzaOrder

BASE = Path(__file__).resolve().parent.parent.parent
EXAMPLE = BASE / "workflows" / "pizza" / "example.json"
OUT_OF_REACH = {"street": "1 Road", "city": "Nowhere", "zip_code": "00000"}


def pizza_data(**changed: Any) -> dict[str, Any]:
    """Return the example that is shipped, without its baking time, with changes."""
    data: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return {**data, "baking_seconds": 0, **changed}


def pizza_order(**changed: Any) -> PizzaOrder:
    """Return it as a contract."""
    return PizzaOrder.model_validate(pizza_data(**changed))

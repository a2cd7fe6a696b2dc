"""What holds of orders, and of the holds, decisions and payments that belong to them."""

from orders.verify import decisions, history, money, stock

__all__ = ["decisions", "history", "money", "stock"]

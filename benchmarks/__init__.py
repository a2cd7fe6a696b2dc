"""Measures the product on a stack of its own: reservations, orders, placing, approval, memory, start."""

"""Products, warehouses, stock, reservations and movements."""

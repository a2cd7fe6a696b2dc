"""Orders, lines, payments and shipments."""

"""Products and stock over HTTP."""

"""A tiny domain: three steps, undone on demand."""

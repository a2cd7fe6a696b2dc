"""What the stack says when it cannot go on: one line, with the way out."""


class StackError(Exception):
    """Something outside the product is missing, busy or broken; the text says what to do."""

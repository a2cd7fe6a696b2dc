"""A payment gateway and a carrier that keep their own books: for development, demo and tests."""

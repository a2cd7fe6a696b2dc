"""Errors, money, clock, ids and database helpers that everything shares."""

"""Accounts, flows, holes and traces."""

"""Deliveries to people: one row per recipient, retried until it is delivered, refused or given up."""

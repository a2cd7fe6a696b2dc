"""Temporal: position and time."""

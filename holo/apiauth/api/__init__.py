"""The endpoints of credentials."""

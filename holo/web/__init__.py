"""The web server: waitress, with limits on what one client can hold. Why: ADR 0021."""

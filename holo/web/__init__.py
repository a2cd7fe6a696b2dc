"""The web server: waitress, with limits on what one client can hold (docs/adr/0021-…)."""

"""Messages committed with their cause, and the relay that delivers them."""

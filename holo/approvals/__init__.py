"""Human decisions as rows: requests, decisions, separation of duties."""

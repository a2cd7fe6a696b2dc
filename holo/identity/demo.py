"""The people of the demonstration and their one password, which everybody knows."""

DEMO_PASSWORD = "holo-demo"
DEMO_ADMIN = "admin@example.com"
DEMO_APPROVER = "approver@example.com"
DEMO_OPERATOR = "operator@example.com"
DEMO_VIEWER = "viewer@example.com"
DEMO_EMAILS = (DEMO_ADMIN, DEMO_APPROVER, DEMO_OPERATOR, DEMO_VIEWER)

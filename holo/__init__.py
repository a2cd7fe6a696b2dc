"""The Django project and the shared base layer."""

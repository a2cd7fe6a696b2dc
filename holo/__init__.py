"""The Django project and the shared base layer."""

from holo.celery import app as celery_app

__all__ = ["celery_app"]

"""Addresses below /api/v1/."""

from django.urls import path

from orders.api import views

urlpatterns = [
    path("orders", views.OrderListView.as_view(), name="order-list"),
    path("orders/<id:order_id>", views.OrderDetailView.as_view(), name="order-detail"),
    path("orders/<id:order_id>/timeline", views.TimelineView.as_view(), name="order-timeline"),
    path("orders/<id:order_id>/pay", views.PayView.as_view(), name="order-pay"),
    path("orders/<id:order_id>/cancel", views.CancelView.as_view(), name="order-cancel"),
    path("orders/<id:order_id>/retry", views.RetryView.as_view(), name="order-retry"),
    path("orders/<id:order_id>/audit", views.AuditView.as_view(), name="order-audit"),
]

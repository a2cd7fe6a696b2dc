"""Addresses below /api/v1/."""

from django.urls import path

from inventory.api import views

urlpatterns = [
    path("products", views.ProductListView.as_view(), name="product-list"),
    path("stock", views.StockListView.as_view(), name="stock-list"),
]

"""The inventory endpoints: authorise, read, render."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from holo.apiauth.views import ApiView
from holo.common.api.filters import Filters, text_filter
from inventory import selectors
from inventory.api import answers


class ProductListView(ApiView):
    """What is on sale."""

    required_scopes = {"GET": "inventory:read"}
    by_public_tokens = True
    filters: ClassVar[Filters] = {"sku": text_filter("sku", max_length=64)}
    ordering = ("sku",)

    @extend_schema(responses=answers.ProductAnswer(many=True), summary="List the products on sale, by SKU")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's active products."""
        return self.page(selectors.list_products(self.actor.organization_id), answers.render_product)


class StockListView(ApiView):
    """How much of it lies where."""

    required_scopes = {"GET": "inventory:read"}
    by_public_tokens = True
    filters: ClassVar[Filters] = {
        "sku": text_filter("product__sku", max_length=64),
        "warehouse": text_filter("warehouse__code", max_length=32, description="Code of a warehouse."),
    }
    ordering = ("product__sku", "warehouse__code")

    @extend_schema(responses=answers.StockAnswer(many=True), summary="List the stock, by SKU and warehouse")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's stock levels."""
        return self.page(selectors.list_stock(self.actor.organization_id), answers.render_stock)

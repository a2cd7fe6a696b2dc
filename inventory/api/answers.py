"""What the inventory endpoints answer with."""

from typing import Any

from rest_framework import serializers

from holo.common.api.fields import MoneySerializer
from inventory.models import Product, StockLevel


class ProductAnswer(serializers.Serializer[Any]):
    """A product on sale."""

    id = serializers.UUIDField()
    sku = serializers.CharField(help_text="Unique in the organisation.")
    name = serializers.CharField()
    price = MoneySerializer()


class StockAnswer(serializers.Serializer[Any]):
    """A product in one warehouse."""

    product_id = serializers.UUIDField()
    sku = serializers.CharField()
    warehouse = serializers.CharField(help_text="Code of the warehouse.")
    on_hand = serializers.IntegerField(help_text="Pieces on the shelf.")
    reserved = serializers.IntegerField(help_text="Pieces of those that orders hold.")
    available = serializers.IntegerField(help_text="on_hand - reserved: what may still be promised.")


def render_product(product: Product) -> dict[str, object]:
    """Return a product as it is answered with."""
    return {
        "id": str(product.pk),
        "sku": product.sku,
        "name": product.name,
        "price": product.price.as_wire(),
    }


def render_stock(level: StockLevel) -> dict[str, object]:
    """Return a stock level, with product and warehouse at hand, as it is answered with."""
    return {
        "product_id": str(level.product_id),
        "sku": level.product.sku,
        "warehouse": level.warehouse.code,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
    }

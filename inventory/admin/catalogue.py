"""Products and warehouses: looked at, added, and for products changed."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from holo.common.admin import badge
from holo.common.errors import ChangedMeanwhileError
from inventory.admin.forms import ProductChangeForm, ProductForm, WarehouseForm
from inventory.admin.pages import FormPage, InventoryAdmin, actor_in
from inventory.models import Product, StockLevel, Warehouse
from inventory.services import change_product, create_product, create_warehouse


def _stock_sum(column: str) -> Any:
    levels = StockLevel.objects.filter(product=OuterRef("pk")).order_by().values("product")
    total = Subquery(levels.annotate(total=Sum(column)).values("total"), output_field=IntegerField())
    return Coalesce(total, 0)


@admin.register(Product)
class ProductAdmin(InventoryAdmin[Product]):
    """What is sold."""

    audit_subject = "inventory.product"
    list_display = ["sku", "name", "price_shown", "state", "on_hand", "reserved"]
    list_filter = ["active", "created_at"]
    search_fields = ["sku", "name"]
    fields = ["organization_shown", "sku", "name", "price_shown", "active", "created_at"]
    change_form_template = "admin/inventory/product/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Return the products with their stock in all warehouses together."""
        return (
            super()
            .get_queryset(request)
            .annotate(on_hand=_stock_sum("on_hand"), reserved=_stock_sum("reserved"))
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the page that changes a product."""
        page = self.admin_site.admin_view(self.edit_view)
        return [path("<id:product_id>/edit/", page, name="inventory_product_edit"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may add products."""
        return request.user.has_perm("inventory.add_product")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add a product."""
        page = FormPage(
            permission="inventory.add_product",
            title=_("Add a product"),
            submit=_("Add the product"),
            form_class=ProductForm,
            run=_create_product,
        )
        return self.form_page(request, page)

    def edit_view(self, request: HttpRequest, product_id: UUID) -> HttpResponse:
        """Change a product."""
        product = self.get_queryset(request).filter(pk=product_id).first()
        if product is None:
            raise Http404

        shown = _editable(product)

        def as_shown(now: Product) -> None:
            if _editable(now) != shown:
                raise ChangedMeanwhileError(_now("The product was changed meanwhile."))

        def run(request: HttpRequest, values: dict[str, Any]) -> str:
            actor = actor_in(request, product.organization_id)
            change_product(actor=actor, product_id=product.pk, check=as_shown, **values)
            return _now("Product %(sku)s was changed.") % {"sku": product.sku}

        page = FormPage(
            permission="inventory.change_product",
            title=_now("Change product %(sku)s") % {"sku": product.sku},
            submit=_("Save"),
            explanation=_("Orders keep the price at which they were placed."),
            form_class=ProductChangeForm,
            run=run,
            initial=shown,
        )
        try:
            return self.form_page(request, page)
        except ChangedMeanwhileError:
            # Between the look at the row and its lock: the form is compared with what is stored now.
            return self.edit_view(request, product_id)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a product, with the way to its change page for those who may."""
        may_edit = request.user.has_perm("inventory.change_product")
        # What stands in the address may be no id at all.
        found = self.get_object(request, object_id) if may_edit else None
        edit_url = reverse("admin:inventory_product_edit", args=[found.pk]) if found else ""
        return super().change_view(
            request, object_id, form_url, {"edit_url": edit_url, **(extra_context or {})}
        )

    @admin.display(description=_("price"), ordering="price_minor")
    def price_shown(self, product: Product) -> str:
        """The price in major units."""
        return str(product.price)

    @admin.display(description=_("state"), ordering="active")
    def state(self, product: Product) -> SafeString:
        """Whether it is on sale."""
        return badge(_("on sale"), "good") if product.active else badge(_("not on sale"))

    @admin.display(description=_("on hand"), ordering="on_hand")
    def on_hand(self, product: Any) -> int:
        """Pieces in all warehouses."""
        return int(product.on_hand)

    @admin.display(description=_("reserved"), ordering="reserved")
    def reserved(self, product: Any) -> int:
        """Pieces that orders hold."""
        return int(product.reserved)


@admin.register(Warehouse)
class WarehouseAdmin(InventoryAdmin[Warehouse]):
    """Where it lies."""

    audit_subject = "inventory.warehouse"
    list_display = ["code", "name", "priority", "state"]
    list_filter = ["active"]
    search_fields = ["code", "name"]
    fields = ["organization_shown", "code", "name", "priority", "active"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may add warehouses."""
        return request.user.has_perm("inventory.add_warehouse")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add a warehouse."""
        page = FormPage(
            permission="inventory.add_warehouse",
            title=_("Add a warehouse"),
            submit=_("Add the warehouse"),
            form_class=WarehouseForm,
            run=_create_warehouse,
        )
        return self.form_page(request, page)

    @admin.display(description=_("state"), ordering="active")
    def state(self, warehouse: Warehouse) -> SafeString:
        """Whether it ships."""
        return badge(_("ships"), "good") if warehouse.active else badge(_("closed"))


def _editable(product: Product) -> dict[str, Any]:
    return {"name": product.name, "price": product.price, "active": product.active}


def _create_product(request: HttpRequest, values: dict[str, Any]) -> str:
    actor = actor_in(request, values["organization"].pk)
    product = create_product(actor=actor, sku=values["sku"], name=values["name"], price=values["price"])
    return _now("Product %(sku)s was added.") % {"sku": product.sku}


def _create_warehouse(request: HttpRequest, values: dict[str, Any]) -> str:
    actor = actor_in(request, values["organization"].pk)
    warehouse = create_warehouse(
        actor=actor, code=values["code"], name=values["name"], priority=values["priority"]
    )
    return _now("Warehouse %(code)s was added.") % {"code": warehouse.code}

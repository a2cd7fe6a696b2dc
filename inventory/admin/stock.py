"""Stock levels in the admin, and the page on which goods arrive."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from holo.common.admin import badge
from holo.common.errors import DomainError, InvalidError
from holo.idempotency.commands import Answer, Replayed, RequestKey
from holo.identity.staff import person_of
from inventory.admin.forms import ReceiveStockForm
from inventory.admin.pages import FormPage, InventoryAdmin, OwnRelatedFilter, actor_in
from inventory.models import StockLevel
from inventory.services import receive_stock

RECEIVE = "inventory.receive_stock"
ANY, NONE = "any", "none"


class AvailabilityFilter(admin.SimpleListFilter):
    """Filters by whether anything may still be promised."""

    title = _("availability")
    parameter_name = "available"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the choices."""
        return [(ANY, _("available")), (NONE, _("nothing available"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockLevel]) -> QuerySet[StockLevel]:
        """Return the chosen rows."""
        if self.value() == ANY:
            return queryset.filter(on_hand__gt=F("reserved"))
        if self.value() == NONE:
            return queryset.filter(on_hand=F("reserved"))
        return queryset


@admin.register(StockLevel)
class StockLevelAdmin(InventoryAdmin[StockLevel]):
    """How much lies where; only movements change it."""

    audit_subject = "inventory.stock_level"
    list_display = [
        "product",
        "product_name",
        "warehouse",
        "on_hand",
        "reserved",
        "available_shown",
        "receive",
    ]
    list_select_related = ["product", "warehouse"]
    list_filter = [("warehouse", OwnRelatedFilter), AvailabilityFilter]
    search_fields = ["product__sku", "product__name", "warehouse__code"]
    ordering = ["product__sku", "warehouse__priority", "warehouse__code"]
    fields = ["organization_shown", "product", "warehouse", "on_hand", "reserved", "available_shown"]
    readonly_fields = ["available_shown"]
    change_list_template = "admin/inventory/stocklevel/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which goods arrive."""
        page = self.admin_site.admin_view(self.receive_view)
        return [path("receive/", page, name="inventory_stocklevel_receive"), *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave the column of buttons out where they would lead nowhere."""
        columns = list(self.list_display)
        return columns if request.user.has_perm(RECEIVE) else columns[:-1]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with the button for those who may use it."""
        url = reverse("admin:inventory_stocklevel_receive") if request.user.has_perm(RECEIVE) else ""
        return super().changelist_view(request, {"receive_url": url, **(extra_context or {})})

    def receive_view(self, request: HttpRequest) -> HttpResponse:
        """Put goods that arrived on the shelf; a row's button names product and warehouse."""
        page = FormPage(
            permission=RECEIVE,
            title=_("Receive stock"),
            submit=_("Receive"),
            explanation=_("Adds pieces to what is on hand, and writes a movement that nobody can change."),
            form_class=ReceiveStockForm,
            run=_receive,
            initial={name: request.GET[name] for name in ("warehouse", "product") if name in request.GET},
        )
        return self.form_page(request, page)

    @admin.display(description=_("name"), ordering="product__name")
    def product_name(self, level: StockLevel) -> str:
        """What the SKU stands for."""
        return level.product.name

    @admin.display(description=_("available"))
    def available_shown(self, level: StockLevel) -> SafeString:
        """What may still be promised."""
        return badge(str(level.available), "good" if level.available else "warn")

    @admin.display(description="")
    def receive(self, level: StockLevel) -> SafeString:
        """The button of a row."""
        query = {"warehouse": str(level.warehouse_id), "product": level.product.sku}
        url = reverse("admin:inventory_stocklevel_receive", query=query)
        return format_html('<a class="button small" href="{}">{}</a>', url, _now("Receive"))


def _receive(request: HttpRequest, values: dict[str, Any]) -> str:
    """Receive once per form: a second click, or a reload, gets the first one's answer."""
    warehouse, product, quantity = values["warehouse"], values["found"], values["quantity"]
    content = json.dumps([str(warehouse.pk), str(product.pk), quantity, values["note"]])
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    said = _now("%(quantity)d × %(sku)s arrived in %(warehouse)s.") % {
        "quantity": quantity,
        "sku": product.sku,
        "warehouse": warehouse.code,
    }
    key = RequestKey(
        scope=f"admin:{person_of(request).pk}:receive_stock",
        # With the content, so that a form that was refused may be mended and sent again.
        key=f"{values['token']}:{fingerprint}",
        content=content,
        render=lambda _view: Answer(status=200, body=said.encode()),
        render_error=_refusal,
    )
    try:
        receive_stock(
            actor=actor_in(request, warehouse.organization_id),
            warehouse_id=warehouse.pk,
            product_id=product.pk,
            quantity=quantity,
            note=values["note"],
            request_key=key,
        )
    except Replayed as replay:
        stored = replay.answer.body.decode()
        if replay.answer.status >= 400:
            raise InvalidError(stored) from None
        return stored
    return said


def _refusal(error: DomainError) -> Answer:
    return Answer(status=error.status, body=error.message.encode())

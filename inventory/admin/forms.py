"""The forms of inventory's commands. What a value may be is the services' business; forms parse."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from holo.common.errors import DomainError
from holo.common.money import Money, parse_amount
from holo.common.shown_values import ShownValues
from holo.common.text_field import PlainTextField
from holo.common.whole_number import WholeNumberField
from holo.identity.models import Organization
from inventory.models import MAX_QUANTITY, Product, Warehouse
from inventory.selectors import usual_receipt

_SUGGESTED = 200
# Asked about: more than so many times what usually arrives; of a product that never did, more than so many.
_UNUSUAL, _LARGE = 10, 1000


class PriceField(forms.CharField):
    """An amount of CNY in major units."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Price (CNY)"), max_length=20, help_text=_("Such as 500 or 500.00."), **kwargs
        )

    def clean(self, value: Any) -> Money:
        """Return the money."""
        try:
            return parse_amount(super().clean(value), currency="CNY")
        except DomainError as error:
            raise forms.ValidationError(_now("Not an amount with at most two decimals.")) from error

    def prepare_value(self, value: Any) -> Any:
        """Return money as it is typed."""
        return value.text if isinstance(value, Money) else value


class WarehouseField(forms.ModelChoiceField[Warehouse]):
    """A warehouse, by code and name."""

    def label_from_instance(self, obj: Warehouse) -> str:
        """Return what stands in the list."""
        return f"{obj.code} · {obj.name}"


class DatalistInput(forms.TextInput):
    """A text field that suggests values; scanners and people in a hurry just type."""

    suggestions: Sequence[str] = ()

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the field and its suggestions."""
        list_id = f"{name}-suggestions"
        field = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        options = format_html_join("", '<option value="{}"></option>', ((text,) for text in self.suggestions))
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)


class OrganizationForm(forms.Form):
    """Asks for the organisation only where the person has several."""

    organization = forms.ModelChoiceField(
        label=_("Organisation"), queryset=Organization.objects.none(), empty_label=None
    )

    def __init__(self, *args: Any, organization_ids: Sequence[UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Organization.objects.filter(pk__in=organization_ids)
        limit(self.fields["organization"], choices)
        if len(organization_ids) == 1:
            self.fields["organization"].widget = forms.HiddenInput()
            self.initial.setdefault("organization", organization_ids[0])


class ProductForm(OrganizationForm):
    """A new product."""

    sku = PlainTextField(
        joiners=False, label=_("SKU"), max_length=64, help_text=_("Never changes afterwards.")
    )
    name = PlainTextField(label=_("Name"), max_length=200)
    price = PriceField()


class ProductChangeForm(ShownValues):
    """What may change of a product."""

    name = PlainTextField(label=_("Name"), max_length=200)
    price = PriceField()
    active = forms.BooleanField(
        label=_("On sale"), required=False, help_text=_("Orders that are placed already go on.")
    )

    def __init__(self, *args: Any, organization_ids: Sequence[UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class WarehouseForm(OrganizationForm):
    """A new warehouse."""

    code = PlainTextField(
        joiners=False, label=_("Code"), max_length=32, help_text=_("Never changes afterwards.")
    )
    name = PlainTextField(label=_("Name"), max_length=200)
    priority = WholeNumberField(
        label=_("Priority"), initial=100, help_text=_("The lowest number ships first.")
    )


class ReceiveStockForm(forms.Form):
    """Goods that arrived. `token` makes a form that is sent twice count once."""

    warehouse = WarehouseField(label=_("Warehouse"), queryset=Warehouse.objects.none())
    product = PlainTextField(joiners=False, label=_("Product (SKU)"), max_length=64, widget=DatalistInput)
    quantity = WholeNumberField(label=_("Quantity"), min_value=1, max_value=MAX_QUANTITY)
    note = PlainTextField(
        label=_("Note"),
        max_length=200,
        required=False,
        help_text=_("Such as the number of the delivery note."),
    )
    # Hidden until a quantity is so large that it may be a slip of the hand.
    sure = forms.BooleanField(label=_("The quantity is right"), required=False, widget=forms.HiddenInput)
    # What the question was about: an answer counts for nothing else.
    asked = forms.CharField(required=False, widget=forms.HiddenInput)
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args: Any, organization_ids: Sequence[UUID], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._organization_ids = organization_ids
        limit(
            self.fields["warehouse"],
            Warehouse.objects.filter(organization_id__in=organization_ids, active=True),
        )
        widget = self.fields["product"].widget
        assert isinstance(widget, DatalistInput)
        products = Product.objects.filter(organization_id__in=organization_ids)
        widget.suggestions = list(products.order_by("sku").values_list("sku", flat=True)[:_SUGGESTED])

    def clean(self) -> dict[str, Any] | None:
        """Find the product in the warehouse's organisation."""
        values = super().clean() or self.cleaned_data
        warehouse, sku = values.get("warehouse"), values.get("product")
        if warehouse is None or sku is None:
            return values
        found = Product.objects.filter(organization_id=warehouse.organization_id, sku=sku).first()
        if found is None:
            self.add_error("product", _now("There is no product with this SKU."))
        values["found"] = found
        if found is not None and values.get("quantity"):
            about = f"{found.pk}:{values['quantity']}"
            if not (values.get("sure") and values.get("asked") == about):
                self._ask_about(found, values["quantity"], about)
        return values

    def _ask_about(self, product: Product, quantity: int, about: str) -> None:
        usual = usual_receipt(product.pk)
        if quantity <= max(_UNUSUAL * usual, 0 if usual else _LARGE):
            return
        self.fields["sure"].widget = forms.CheckboxInput()
        shown: Any = self.data
        self.data = shown = shown.copy()
        shown["asked"] = about
        shown.pop("sure", None)
        question = (
            _now("Usually about %(usual)s pieces arrive at once. Are %(quantity)s right?")
            if usual
            else _now("This is the first receipt of the product. Are %(quantity)s pieces right?")
        )
        self.add_error("sure", question % {"usual": f"{usual:,}", "quantity": f"{quantity:,}"})


def limit(field: forms.Field, choices: Any) -> None:
    """Let a choice field offer these rows only."""
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = choices

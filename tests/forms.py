"""Forms of pages as a browser sends them: what is in the fields, with what a person changes."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """Collects what the fields of a page's forms hold."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = ""
        self._text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        if tag == "input" and name and found.get("type") not in ("submit", "button"):
            ticked = found.get("type") in ("checkbox", "radio")
            if not ticked or "checked" in found:
                self.values.setdefault(name, []).append(found.get("value", "on" if ticked else ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in found:
            self.values.setdefault(self._select, []).append(found.get("value", ""))
        elif tag == "textarea":
            self._text = (name, [])

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea" and self._text is not None:
            self.values[self._text[0]] = ["".join(self._text[1])]
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text[1].append(data)


def filled(page: Any, **changes: Any) -> dict[str, list[str]]:
    """Return what a browser sends for the form of a page; a change to None empties a field."""
    fields = _Fields()
    fields.feed(page.content.decode())
    values = dict(fields.values)
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = [str(each) for each in (value if isinstance(value, list) else [value])]
    return values

"""What is read and written is what the golden file says, so that a field never appears by accident."""

import ast
import json
import os

import pytest
from rest_framework.serializers import ModelSerializer

from holo.identity.models import User
from tests.api.people import build_person
from tests.builders import build_organization
from tests.docs.documents import ROOT
from tests.security.fields import GOLDEN, Fields, of_calls, of_pages, text_of
from tests.security.test_code import modules

# Nobody is given these, whatever they may do.
_NEVER = ("secret_hash", "token_hash", "code_hash", "ciphertext", "sealed", "password_hash")


@pytest.fixture
def found(db: None) -> Fields:
    """What the product says today; with WRITE=1 the golden file is written anew, to be read in the review."""
    organization = build_organization()
    people: dict[str, User] = {
        kind: build_person(organization=organization, groups=[kind])
        for kind in ("viewer", "operator", "auditor")
    }
    people["superuser"] = build_person(organization=organization, superuser=True)
    people["nobody"] = build_person(organization=None)
    fields = {"calls": of_calls(), "pages": of_pages(people)}
    if os.environ.get("WRITE") == "1":
        GOLDEN.write_text(text_of(fields), encoding="utf-8")
    return fields


def test_fields_are_those_of_the_golden_file(found: Fields) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert found == golden, "read the difference; if it is meant, run this test once with WRITE=1"


def test_nobody_is_given_what_opens_something(found: Fields) -> None:
    text = text_of(found)
    assert [name for name in _NEVER if name in text] == []


def test_who_has_no_group_sees_no_field_and_who_looks_writes_none(found: Fields) -> None:
    for model, kinds in found["pages"].items():
        assert not any(kinds["nobody"].values()), model
        assert not kinds["viewer"]["changes"] + kinds["viewer"]["adds"], model
    assert sum(bool(kinds["superuser"]["sees"]) for kinds in found["pages"].values()) > 10


@pytest.mark.pure
def test_no_form_and_no_serializer_takes_all_fields() -> None:
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert "__all__" not in words, path.relative_to(ROOT)
    assert ModelSerializer.__subclasses__() == [] or all(
        "fields" in vars(one.Meta) for one in ModelSerializer.__subclasses__() if hasattr(one, "Meta")
    )

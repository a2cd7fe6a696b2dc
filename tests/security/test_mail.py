"""Text of people in mail stays text: it makes no header, no recipient and no page."""

import pytest
from django.core import mail

from holo.identity.roles import Role
from holo.identity.services import invite_member
from tests.identity.people import actor_of
from tests.post import send_mail
from tests.stories import MAC, build_person, build_shop

_TEXTS = (
    "<script>alert(1)</script>",
    "A\r\nBcc: evil@example.com\r\n\r\nHello",
    "A\nContent-Type: text/html",
    "=?utf-8?q?=0ABcc:_evil@example.com?=",
    "A\u2028Bcc: evil@example.com",
)


@pytest.mark.django_db
@pytest.mark.parametrize("text", _TEXTS)
def test_text_in_a_letter_makes_no_header_and_no_page(text: str) -> None:
    shop = build_shop()
    shop.organization.name = text
    shop.organization.save()
    shop.products[MAC].name = text
    shop.products[MAC].save()
    shop.seller.name = text
    shop.seller.save()
    shop.place(MAC)
    root = build_person(shop.organization, "root", is_superuser=True)
    invite_member(actor=actor_of(root, shop.organization), email="new@example.com", role=Role.MEMBER)
    assert len(send_mail()) == 2
    for letter in mail.outbox:
        sent = letter.message()
        assert "evil@example.com" not in letter.recipients()
        assert sent["Bcc"] is None
        assert sent.get_content_type() == "text/plain"
        assert not sent.is_multipart()

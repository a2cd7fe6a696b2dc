"""Secrets that everybody can read here: in the demonstration's compose file, documents, tests, their history.

In production each is refused by its value. One that is taken out of the repository stays in these lists.
"""

from base64 import b64decode

SECRETS = frozenset(
    {
        # docker-compose.yml
        "known-to-everybody-for-a-first-look-and-nothing-else",
        "look-superuser",
        "look-owner",
        "look-app",
        "look-temporal",
        # The settings with DEBUG=1, and those of the tests
        "development-only-key-that-guards-nothing",
        "test-only-key-that-guards-nothing",
        # Tests of production, up to version 0.1
        "kkkkkkkkkkkkkkkkkkkkkkkkkeyeofnewtandtoeoffrog0123456789",
        "".join(map(chr, range(33, 93))),
        # The people of the demonstration
        "holo-demo",
        # Addresses in documents: smtp+tls://user:password@host:587
        "password",
    }
)
# Keys of a ring; a copy may have another id.
KEYS = frozenset(
    map(
        b64decode,
        (
            "iV6CeMaM4CM51NO0nr0QZNs+oQFnnuoprfLgirfJ+rY=",
            "HbQYEL+aZ60zwcbhiNf993Xg//qOGJThrUZUD9ZR9Cs=",
            # Tests of settings
            "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY=",
        ),
    )
)

"""Refusals that concern secrets. No message holds a value or a key."""

from holo.common.errors import DomainError


class SecretStoreError(DomainError):
    """Base of the errors of this package."""


class SecretNotFoundError(SecretStoreError):
    """No such secret in this place."""

    code = "secretstore.secret_not_found"
    status = 404
    meaning = "There is no secret of this name in this place, or not this version of it."


class SecretNameError(SecretStoreError):
    """No name of a secret."""

    code = "secretstore.name_invalid"
    status = 400
    meaning = "A name has 1 to 200 letters, digits, dots, hyphens, underscores and slashes, a letter first."


class SecretValueError(SecretStoreError):
    """No value that can be kept."""

    code = "secretstore.value_invalid"
    status = 400
    meaning = "A value is JSON of at most 64 KB."


class SecretMalformedError(SecretStoreError):
    """Not what the reader expects."""

    code = "secretstore.value_unexpected"
    status = 500
    meaning = "A stored secret has another form than its reader expects; set it anew."


class KeyringMissingError(SecretStoreError):
    """No key to seal or open with."""

    code = "secretstore.keyring_missing"
    status = 503
    meaning = "SECRETS_KEYRING is not set on the server; without it no secret is sealed or opened."


class SecretKeyUnknownError(SecretStoreError):
    """Sealed with a key that is gone."""

    code = "secretstore.key_unknown"
    status = 500
    meaning = (
        "A secret is sealed with a key that is not in SECRETS_KEYRING any more; `details.key_id` names it."
    )


class SecretDamagedError(SecretStoreError):
    """It does not open."""

    code = "secretstore.secret_damaged"
    status = 500
    meaning = "A stored secret was changed or moved to another row, or the key of its id is another one."


class VariableExistsError(SecretStoreError):
    """The environment has it."""

    code = "secretstore.variable_exists"
    meaning = "The environment has a variable of this name; change it instead."

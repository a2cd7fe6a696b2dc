"""How contracts become Temporal payloads: pydantic JSON, sealed where there is a ring for it.

Payloads hold ids and amounts only, no personal data. What does not fit its contract will not fit at the next
try either: it fails the workflow or the activity at once, instead of the workflow task for ever. What does
not open is the other way round: its key may be there at the next try.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError

from holo.secretstore.keyring import Keyring
from workflows.runtime.errors import PayloadUnreadableError
from workflows.runtime.sealing import SealingCodec

MALFORMED_PAYLOAD = "malformed_payload"
_SHOWN_PROBLEMS = 5


class ContractPayloadConverter(PydanticPayloadConverter):
    """Pydantic's, which refuses for good what does not fit."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Return the values; raises ApplicationError without a try after it."""
        try:
            values = super().from_payloads(payloads, type_hints)
            for value, hint in zip(values, type_hints or (), strict=False):
                if value is None:
                    # An absent value has an encoding of its own, which asks no contract.
                    TypeAdapter(hint).validate_python(None)
            return values
        except ValidationError as error:
            raise _malformed(_told(error)) from None
        except (KeyError, RuntimeError, ValueError) as error:
            # No JSON, or an encoding that is not ours; the text may hold the value.
            raise _malformed(type(error).__name__) from None


class ContractFailureConverter(DefaultFailureConverter):
    """The SDK's, which reports an activity's malformed or sealed input as what it is.

    The SDK would try the one again, and leave the other without a code.
    """

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """Write the failure."""
        cause = exception.__cause__
        if isinstance(cause, ApplicationError) and cause.type == MALFORMED_PAYLOAD:
            exception = cause
        unreadable = cause if isinstance(cause, PayloadUnreadableError) else exception
        if isinstance(unreadable, PayloadUnreadableError):
            exception = ApplicationError(unreadable.message, type=unreadable.code)
        super().to_failure(exception, payload_converter, failure)


class SealedFailureConverter(ContractFailureConverter):
    """Puts messages and stack traces of errors where the codec seals them; their codes stay outside."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


def data_converter(ring: Keyring, *, accept_plain: bool = False) -> DataConverter:
    """Return the converter of a process with this ring; an empty one seals nothing and refuses nothing."""
    converter = replace(DATA_CONVERTER, payload_codec=SealingCodec(ring, accept_plain=accept_plain))
    return replace(converter, failure_converter_class=SealedFailureConverter) if ring.current else converter


def _told(error: ValidationError) -> str:
    """Say what is wrong and where, without the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        f"{'/'.join(map(str, problem['loc'])) or 'value'}: {problem['type']}"
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    more = len(problems) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _malformed(what: str) -> ApplicationError:
    return ApplicationError(
        f"a payload does not fit its contract: {what}", type=MALFORMED_PAYLOAD, non_retryable=True
    )


DATA_CONVERTER = replace(
    pydantic_data_converter,
    payload_converter_class=ContractPayloadConverter,
    failure_converter_class=ContractFailureConverter,
)

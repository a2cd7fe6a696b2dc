"""Refusals of requests that no app owns: the body, its fields, the parameters, the transport."""

from holo.common.errors import RequestError


class JsonSyntaxError(RequestError):
    """The body is no JSON in UTF-8."""

    code = "request.json_syntax"
    meaning = "The body is not JSON in UTF-8; `details` has line and column where it breaks."


class JsonTooDeepError(RequestError):
    """More than 32 levels."""

    code = "request.json_too_deep"
    meaning = "The body is nested deeper than 32 levels."


class DuplicateKeyError(RequestError):
    """One name twice in an object."""

    code = "request.duplicate_key"
    meaning = "A JSON object has the same name twice; which value counts would be a guess."


class NumberNotFiniteError(RequestError):
    """NaN, Infinity or a number that overflows to it."""

    code = "request.number_not_finite"
    meaning = "NaN, Infinity and numbers too large for a double are not allowed."


class NumberOutOfRangeError(RequestError):
    """An integer of more than 19 digits."""

    code = "request.number_out_of_range"
    meaning = "An integer has more digits than 64 bits can hold."


class NulNotAllowedError(RequestError):
    """U+0000 in a text."""

    code = "request.nul_not_allowed"
    meaning = "A text contains the character U+0000."


class InvalidUnicodeError(RequestError):
    """A lone surrogate."""

    code = "request.invalid_unicode"
    meaning = "A text contains half of a surrogate pair."


class ExpectedObjectError(RequestError):
    """The body is an array, a scalar or missing."""

    code = "request.expected_object"
    meaning = "The body must be one JSON object."


class BodyTooLargeError(RequestError):
    """More bytes than allowed."""

    code = "request.body_too_large"
    status = 413
    meaning = "The body is larger than `details.limit` bytes."


class LengthRequiredError(RequestError):
    """A chunked body without a length."""

    code = "request.length_required"
    status = 411
    meaning = "Send the body with Content-Length; chunked bodies are not accepted."


class SlowBodyError(RequestError):
    """The body came too slowly, or its sender went away."""

    code = "request.body_incomplete"
    status = 408
    retryable = True
    meaning = "The body did not arrive whole and in time; nothing was changed."


class HeadersIncompleteError(RequestError):
    """The headers came too slowly."""

    code = "request.headers_incomplete"
    status = 408
    retryable = True
    meaning = "The headers did not arrive whole and in time; nothing was changed."


class AddressTooLongError(RequestError):
    """A request line of more than the server reads."""

    code = "request.address_too_long"
    status = 414
    meaning = "The address is longer than the server reads."


class HeadersTooLargeError(RequestError):
    """Too many headers, or one that is too long."""

    code = "request.headers_too_large"
    status = 431
    meaning = "The request has more headers, or a longer one, than the server reads."


class ExpectationError(RequestError):
    """`Expect` with something else than `100-continue`."""

    code = "request.expectation_unknown"
    status = 417
    meaning = "The header Expect asks for something that the server does not do."


class TransferCodingError(RequestError):
    """A transfer coding other than `chunked`."""

    code = "request.transfer_coding_unknown"
    status = 501
    meaning = "The body comes in a transfer coding that the server does not know."


class UnsupportedMediaTypeError(RequestError):
    """Not JSON, or compressed."""

    code = "request.unsupported_media_type"
    status = 415
    meaning = "Send application/json, not compressed."


class MethodNotAllowedError(RequestError):
    """The address has no such method."""

    code = "request.method_not_allowed"
    status = 405
    meaning = "This address does not answer to this method; the Allow header lists those it does."


class BadRequestError(RequestError):
    """Django refused the request before any view saw it."""

    code = "request.bad_request"
    meaning = "The request is malformed or was sent to a host name that is not served here."


class UnknownFieldError(RequestError):
    """A name that the body may not have."""

    code = "request.unknown_field"
    meaning = "The body has a field that does not exist."


class ReadOnlyFieldError(RequestError):
    """A name that only answers have."""

    code = "request.read_only_field"
    meaning = "The body has a field that only the server sets."


class RequiredFieldError(RequestError):
    """A name that the body must have."""

    code = "request.required_field"
    meaning = "The body lacks a field."


class NullNotAllowedError(RequestError):
    """JSON null where a value must be."""

    code = "request.null_not_allowed"
    meaning = "A field is null but may not be."


class InvalidTextError(RequestError):
    """No text, an empty one, or one with characters that are not allowed there."""

    code = "request.invalid_text"
    meaning = (
        "A field is not a text, or has a character that is not allowed, such as an invisible one; the message"
        " names it and its position."
    )


class LengthError(RequestError):
    """Too short or too long."""

    code = "request.length_out_of_range"
    meaning = "A text or a list is shorter or longer than allowed."


class InvalidIntegerError(RequestError):
    """Not a JSON integer in the range."""

    code = "request.invalid_integer"
    meaning = "A field is not a JSON integer in its range; digits in quotes and 7.0 are not integers."


class InvalidBooleanError(RequestError):
    """Neither true nor false."""

    code = "request.invalid_boolean"
    meaning = "A field is neither true nor false."


class InvalidIdError(RequestError):
    """No UUID in its usual form."""

    code = "request.invalid_id"
    meaning = "An id is a UUID in its usual form of 36 characters."


class InvalidDatetimeError(RequestError):
    """No RFC 3339 time with offset."""

    code = "request.invalid_datetime"
    meaning = (
        "A time is RFC 3339 with an offset, such as 2026-03-01T12:00:00Z, between 1970 and 2999; digits after"
        " the microseconds are dropped, and leap seconds are refused."
    )


class InvalidChoiceError(RequestError):
    """None of the values that there are."""

    code = "request.invalid_choice"
    meaning = "A value is none of those that are possible."


class InvalidValueError(RequestError):
    """Wrong in a way that has no code of its own."""

    code = "request.invalid_value"
    meaning = "A value does not fit its field; the message says why."


class UnknownFilterError(RequestError):
    """A query parameter that does not exist."""

    code = "request.unknown_filter"
    meaning = "The address has a query parameter that this list does not know."


class DuplicateParameterError(RequestError):
    """A query parameter twice."""

    code = "request.duplicate_parameter"
    meaning = "A query parameter is given twice."


class InvalidCursorError(RequestError):
    """Not a cursor of this list."""

    code = "request.invalid_cursor"
    meaning = "The cursor was not given out by this list; start again without one."


class LimitOutOfRangeError(RequestError):
    """Not 1 to 200."""

    code = "request.limit_out_of_range"
    meaning = "`limit` is an integer from 1 to 200."


class DuplicateError(RequestError):
    """A unique index of the database refused."""

    code = "request.conflict_duplicate"
    status = 409
    meaning = "Another row with the same unique value exists; nothing was changed."


class ConstraintError(RequestError):
    """A rule of the database refused."""

    code = "request.conflict_constraint"
    status = 409
    meaning = "A rule of the database refuses the change; nothing was changed."


class UnavailableError(RequestError):
    """The database does not answer."""

    code = "request.unavailable"
    status = 503
    retryable = True
    retry_after = 5
    meaning = "A part that this call needs does not answer at the moment. Try again."


class InternalError(RequestError):
    """A fault of ours."""

    code = "request.internal_error"
    status = 500
    meaning = (
        "A fault on our side; the log has it under the request id. Whether the call took effect is seen by \
reading the object, or by repeating the call with the same Idempotency-Key."
    )

"""How log lines look: each carries the request id and what else is known, none carries a key."""

import json
import logging
import re
from datetime import UTC, datetime
from traceback import TracebackException

from holo.common.characters import escaped, json_escaped
from holo.common.context import current_context

# Parts of names whose values are nobody's business.
_NAMED = r"(?:passw|passphrase|pwd|secret|token|cookie|sessionid|csrf|(?:private|api|access)[_-]?key|cvc|cvv)"
_SECRETS = (
    (re.compile(r"(holo_[a-z]{3,4}_[0-9A-Za-z]{8})[0-9A-Za-z]{28}"), r"\1[redacted]"),
    (re.compile(r"(Bearer\s+)(?!holo_)[^\s'\",]+", re.IGNORECASE), r"\1[redacted]"),
    # A link of an invitation: 43 characters or more; the API's ids of invitations have 36.
    (re.compile(r"(/invitations/)[\w-]{43,}"), r"\1[redacted]"),
    (re.compile(r"(://[^:/@\s]*:)[^@/\s]+@"), r"\1[redacted]@"),
    # A signed token: its signature is what opens something. It begins a word, or follows an encoded `=`.
    (re.compile(r"((?:(?<![\w-])|(?<=%3D))eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.)[\w-]+"), r"\1[redacted]"),
    # The header, with its scheme or without.
    (
        re.compile(
            r"(\bauthorization[\"']?\s*[=:]\s*[\"']?(?:(?:Basic|Digest|Token)\s+)?)(?!Bearer\b)[^\s\"',;]+",
            re.IGNORECASE,
        ),
        r"\1[redacted]",
    ),
    # What PostgreSQL tells of the row that it refuses: an e-mail address for example. Possessive, or each
    # "Key (" would be tried with each ")=(" after it: half a second for an address made of them.
    (
        re.compile(
            r"(\bKey \((?:(?!\)=\()[^\n]){1,200}+\)=\()"
            r"[^\n]{0,2000}?(?=\) (?:already|is |conflicts))"
        ),
        r"\1[redacted]",
    ),
    (re.compile(r"(\bFailing row contains \()[^\n]{0,5000}?(?=\)\.)"), r"\1[redacted]"),
    # A private key that some library could not read.
    (re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL), r"\1[redacted]"),
    # Keys of services outside, by the beginnings that their makers gave them.
    (re.compile(r"\b((?:sk|rk|pk|tok|whsec|ghp|xox[a-z])[_-])[\w-]{8,}"), r"\1[redacted]"),
    # The value after a name such as `password=…` or `"token": "…"`. A name is matched as a whole, without
    # trying each of its parts: for a long word the time would grow with the square of its length.
    (
        re.compile(
            rf"((?<![\w-])(?=[\w-]*{_NAMED})[\w-]++[\"']?\s*(?:[=:]|%3[AD])\s*[\"']?)"
            r"(?![\"'\s\[])[^\s\"',;&)}]+",
            re.IGNORECASE,
        ),
        r"\1[redacted]",
    ),
)
# Digits in groups, as they are printed, sent in forms and quoted in addresses: 13 or more, no part of a word.
_BETWEEN = r"(?:[ \t\u00a0\u2007\u2009\u202f\u2013+/.-]|%20)"
_NO_WORD = r"(?![A-Za-z_]|-[A-Za-z_])"
_DIGITS = re.compile(
    rf"(?=[0-9](?:{_BETWEEN}?[0-9]){{12}})(?:(?<![\w.-])|(?<=%3[AD])|(?<=%2[02])|(?<=%B))"
    rf"[0-9]++{_NO_WORD}(?:{_BETWEEN}[0-9]++{_NO_WORD})*+"
)
_GROUP = re.compile(r"(?<!%)(?<!%2)[0-9]+")
_MOST_GROUPS = 5
# An e-mail address. It begins after what cannot be in it: tried from every character, a long word would take
# the square of its length.
_ADDRESS = re.compile(r"<?(?<![^\s<>@,;:\[\]])[^\s<>@,;:\[\]]++(?:@[^\s<>@,;:]+)+>?")
# What of a traceback is a frame of our code, with the line below it; all else is somebody's text.
_FRAME = re.compile(r'[ |]*File "')
_MARGIN = "    "


def redacted(text: str) -> str:
    """Return `text` without keys, tokens, links of invitations, passwords of URLs, and card numbers."""
    return _DIGITS.sub(_without_cards, without_secrets(text))


def without_secrets(text: str) -> str:
    """Return `text` as `redacted` does, but keep numbers: one long number in ten looks like a card's."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def without_addresses(text: str) -> str:
    """Return `text` without e-mail addresses: for what others say, kept in rows that nobody may change."""
    return _ADDRESS.sub("[address]", text)


def error_text(error: BaseException, longest: int) -> str:
    """Return what an error says as it can be kept in a row and sent on: redacted, in one line, cut.

    Characters that no row can hold are escaped. Empty if the error's class fails to give its text.
    """
    try:
        return escaped(redacted(str(error)))[:longest]
    except Exception:  # noqa: BLE001 - it fails in whatever way its class likes
        return ""


def _without_cards(found: re.Match[str]) -> str:
    """Return digits in groups without the numbers of payment cards among them."""
    text = found[0]
    groups = list(_GROUP.finditer(text))
    kept, begin, first = "", 0, 0
    while first < len(groups):
        last = _end_of_card(groups, first)
        if last is not None:
            kept += text[begin : groups[first].start()] + "[card number]"
            begin, first = groups[last].end(), last
        first += 1
    return kept + text[begin:]


def _end_of_card(groups: list[re.Match[str]], first: int) -> int | None:
    """Return the last group of the card number that begins with a group; None if none does."""
    sizes: list[int] = []
    for last, group in enumerate(groups[first : first + _MOST_GROUPS], first):
        sizes.append(len(group[0]))
        if not _are_of_card(sizes) or (last == first and _is_fraction(group)):
            continue
        number = "".join(part[0] for part in groups[first : last + 1])
        if number[0] != "0" and _has_check_digit(number):
            return last
    return None


def _is_fraction(group: re.Match[str]) -> bool:
    return group.string[group.start() - 1 : group.start()] == "."


def _are_of_card(sizes: list[int]) -> bool:
    """Tell whether 13 to 19 digits (ISO/IEC 7812) are grouped as on a card, or not at all."""
    if len(sizes) == 1 or sizes in ([4, 6, 4], [4, 6, 5], [8, 8]):
        return 13 <= sum(sizes) <= 19
    return 13 <= sum(sizes) <= 19 and set(sizes[:-1]) == {4} and sizes[-1] <= 4


def _has_check_digit(number: str) -> bool:
    """Tell whether the last digit is right (ISO/IEC 7812-1): every second one from it counts twice."""
    digits = [int(char) for char in number]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def traceback_lines(error: BaseException) -> list[str]:
    """Return a traceback in which the text of an exception, whatever it holds, is one line."""
    lines: list[str] = []
    for part in TracebackException.from_exception(error).format():
        text = part.strip("\n")
        shown = text.split("\n") if _FRAME.match(text) else [text]
        lines.extend(escaped(line) for line in shown if line)
    return lines


def _indented(error: BaseException) -> str:
    return "".join(f"\n{_MARGIN}{line}" for line in traceback_lines(error))


class ContextFilter(logging.Filter):
    """Attaches the names bound at the moment of the call; a handler may format them later."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if not hasattr(record, "context"):
            record.context = current_context()
        return True


class RefusalFilter(logging.Filter):
    """Takes the traceback from what Django notes when it refuses a request: the line says all."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if record.name.startswith("django.security"):
            record.exc_info = None
        return True


def _context_of(record: logging.LogRecord) -> dict[str, str]:
    context = getattr(record, "context", None)
    return context if isinstance(context, dict) else current_context()


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _value(name: str, value: str) -> str:
    return "[redacted]" if re.search(_NAMED, name, re.IGNORECASE) else redacted(value)


def _message(record: logging.LogRecord) -> str:
    """Return the message. One that cannot be made is its template: Python would print the arguments raw."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a log call that is wrong must not lose its line
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{template} ({type(error).__name__} in {record.filename}:{record.lineno})"


class TextFormatter(logging.Formatter):
    """One line for a person: time, level, logger, message, bound names; a traceback below it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Controls and what shows nothing are escaped, so that nobody can forge a line."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        names = "".join(f" {name}={value}" for name, value in _context_of(record).items())
        line = f"{moment} {record.levelname:<7} {record.name}: {_message(record)}{names}"
        error = _error_of(record)
        return redacted(escaped(line)) + (redacted(_indented(error)) if error else "")


class JsonFormatter(logging.Formatter):
    """One JSON object per line, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; bound names never replace the fixed ones."""
        line: dict[str, str] = {
            **{name: _value(name, value) for name, value in _context_of(record).items()},
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(_message(record)),
        }
        error = _error_of(record)
        if error:
            line["exception"] = redacted("\n".join(traceback_lines(error)))
        return json_escaped(json.dumps(line, ensure_ascii=False, default=str))

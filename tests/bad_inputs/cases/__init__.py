"""The table of bad inputs: one row for each thing that can be wrong, with the code it must end in.

The ids: A for requests, D for the admin, L for the command line, E for the environment, R for what only
services meet. Tests run each row; `manage.py errors_doc` writes from it which cases show a code.
"""

from collections import defaultdict

from tests.bad_inputs.cases.bodies import BODIES
from tests.bad_inputs.cases.calls import CALLS
from tests.bad_inputs.cases.fields import FIELDS
from tests.bad_inputs.cases.lines import LINES
from tests.bad_inputs.cases.pages import PAGES
from tests.bad_inputs.cases.reports import REPORTS
from tests.bad_inputs.cases.requests import REQUESTS
from tests.bad_inputs.cases.rows import Row
from tests.bad_inputs.cases.scenes import SCENES
from tests.bad_inputs.cases.variables import VARIABLES
from tests.bad_inputs.cases.wire import SLOW, SLOW_HEAD, WIRE

TABLE: tuple[Row, ...] = (
    *(*BODIES, *FIELDS, *REQUESTS, *SCENES),
    *REPORTS,
    *(*CALLS, *PAGES, *LINES, *VARIABLES, *WIRE, SLOW, SLOW_HEAD),
)


def shown_by() -> dict[str, list[str]]:
    """Return the ids of the cases that end in a code, by code."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in TABLE:
        if row.code:
            found[row.code].add(row.id)
    return {code: sorted(ids) for code, ids in sorted(found.items())}

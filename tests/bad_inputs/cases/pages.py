"""Bad input in the admin, which answers in words; `scene` is the test that sends it, `<module>::<test>`."""

from tests.bad_inputs.cases.rows import Page

_INPUTS = "tests/admin/test_inputs.py::"
_EVERY = "tests/bad_inputs/test_admin.py::"
_STOCK = "tests/inventory/test_admin.py::"

PAGES = (
    Page(
        id="D01",
        what="a decision without a reason, or with one of less than ten characters",
        scene=f"{_INPUTS}test_a_decision_without_a_real_reason_is_a_field_error",
    ),
    Page(
        id="D02",
        what="a decision about what one has made",
        code="approvals.second_person_required",
        scene=f"{_INPUTS}test_ones_own_order_has_no_buttons_and_is_refused",
    ),
    Page(
        id="D03",
        what="a decision about what has been decided",
        code="approvals.already_decided",
        scene=f"{_INPUTS}test_a_request_that_was_decided_is_refused_with_who_and_when",
    ),
    Page(
        id="D04",
        what="a decision from a page that is out of date",
        code="approvals.content_changed",
        scene=f"{_INPUTS}test_a_stale_page_is_told_to_review_again",
    ),
    Page(
        id="D04",
        what="a decision after the deadline",
        code="approvals.request_expired",
        scene=f"{_INPUTS}test_a_request_past_its_deadline_or_withdrawn_is_refused",
    ),
    Page(
        id="D05",
        what="a double click",
        scene=f"{_INPUTS}test_a_double_click_has_one_effect_and_says_so",
    ),
    Page(
        id="D05",
        what="a form sent twice",
        scene=f"{_STOCK}test_form_sent_twice_counts_once",
    ),
    Page(
        id="D06",
        what="a list of rows with one that is foreign, absent or nonsense",
        scene=f"{_EVERY}test_crafted_list_of_rows_is_refused_whole_and_audited",
    ),
    Page(id="D07", what="a GET on a command", scene=f"{_EVERY}test_get_on_a_command_is_not_allowed"),
    Page(
        id="D08",
        what="a POST without its CSRF token, or from another origin",
        scene=f"{_EVERY}test_post_without_token_or_from_elsewhere_is_refused",
    ),
    Page(
        id="D09",
        what="a POST to a row that nobody edits",
        scene=f"{_EVERY}test_row_that_nobody_edits_is_not_written",
    ),
    Page(
        id="D10",
        what="a quantity that cannot be",
        scene=f"{_STOCK}test_goods_that_do_not_fit_are_refused_twice",
    ),
    Page(
        id="D11",
        what="a search or a filter made to break the query",
        scene=f"{_EVERY}test_any_search_and_filter_breaks_nothing",
    ),
    Page(
        id="D12",
        what="a command for every row there is",
        scene=f"{_EVERY}test_selection_across_pages_is_capped",
    ),
    Page(id="D13", what="markup in a name", scene=f"{_EVERY}test_markup_is_escaped_on_every_page"),
)

"""Good requests that are refused because of who calls, in which organisation, and with what."""

from tests.bad_inputs.cases.rows import Scene

_OF_MANAGERS = (
    "PATCH member-detail",
    "DELETE member-detail",
    "POST invitation-list",
    "DELETE invitation-detail",
    "GET variable-detail",
    "POST variable-list",
    "PATCH variable-detail",
    "DELETE variable-detail",
    "POST variable-import",
    "POST project-list",
    "PATCH project-detail",
    "POST environment-list",
)
_STEPPED_UP = (
    "POST order-audit",
    "POST personal-token-list",
    "POST organization-token-list",
    "PATCH member-detail",
    "DELETE member-detail",
    "POST invitation-list",
    *("GET variable-detail", "PATCH variable-detail", "DELETE variable-detail"),
    *("POST variable-list", "POST variable-import"),
    *("DELETE personal-token-detail", "DELETE organization-token-detail"),
    "POST user-change-list",
)

_GUARDED = (
    "PATCH member-detail",
    "DELETE member-detail",
    "PATCH project-detail",
    "PATCH variable-detail",
    "DELETE variable-detail",
)

OF_PEOPLE = (
    *(
        Scene(
            id="A35",
            what="a change of what somebody else has changed since it was read",
            code="request.changed_meanwhile",
            endpoint=endpoint,
            scene="other entity tag",
            status=412,
        )
        for endpoint in _GUARDED
    ),
    *(
        Scene(
            id="A70",
            what="a change of the organisation by who does not manage it",
            code="identity.role_required",
            endpoint=endpoint,
            scene="plain member",
            status=403,
            tells=("roles",),
        )
        for endpoint in _OF_MANAGERS
    ),
    Scene(
        id="A71",
        what="a role given by who lacks it",
        code="identity.role_not_held",
        endpoint="PATCH member-detail",
        scene="role not held",
        status=403,
        tells=("held",),
    ),
    Scene(
        id="A71",
        what="a role given by who lacks it",
        code="identity.role_not_held",
        endpoint="POST invitation-list",
        scene="role not held",
        status=403,
        tells=("held",),
    ),
    Scene(
        id="A75",
        what="an invitation of who is a member",
        code="identity.already_member",
        endpoint="POST invitation-list",
        scene="already member",
        status=409,
    ),
    Scene(
        id="A76",
        what="no e-mail address",
        code="request.invalid_text",
        endpoint="POST invitation-list",
        scene="no address",
        status=400,
        pointer="/email",
    ),
    Scene(
        id="A77",
        what="a variable that is there already",
        code="secretstore.variable_exists",
        endpoint="POST variable-list",
        scene="variable exists",
        status=409,
        tells=("name",),
    ),
    *(
        Scene(
            id="A78",
            what="a variable whose name is none, or a .env file with a line that does not fit",
            code="request.invalid_text",
            endpoint=endpoint,
            scene=scene,
            status=400,
            pointer=pointer,
        )
        for endpoint, scene, pointer in (
            ("POST variable-list", "no variable name", "/name"),
            ("POST variable-import", "no dotenv", "/dotenv"),
        )
    ),
    Scene(
        id="A79",
        what="a key from where it does not work",
        code="apiauth.address_not_allowed",
        endpoint="GET order-list",
        scene="foreign address",
        status=403,
        tells=("address",),
    ),
    *(
        Scene(
            id="A80",
            what="a call too many",
            code="request.throttled",
            endpoint=endpoint,
            scene="call too many",
            status=429,
            tells=("limit",),
            retry_after=True,
        )
        for endpoint in ("GET order-list", "POST order-list")
    ),
    *(
        Scene(
            id="A72",
            what="an organisation that would be left without an owner",
            code="identity.last_owner",
            endpoint=endpoint,
            scene="last owner",
            status=409,
        )
        for endpoint in ("PATCH member-detail", "DELETE member-detail")
    ),
    Scene(
        id="A73",
        what="a short name that is taken",
        code="identity.project_slug_taken",
        endpoint="POST project-list",
        scene="project slug taken",
        status=409,
        tells=("slug",),
    ),
    Scene(
        id="A73",
        what="a short name that is taken",
        code="identity.environment_slug_taken",
        endpoint="POST environment-list",
        scene="environment slug taken",
        status=409,
        tells=("slug",),
    ),
    Scene(
        id="A74",
        what="a short name of another form",
        code="request.invalid",
        endpoint="POST project-list",
        scene="short name",
        status=400,
        pointer="/slug",
    ),
    Scene(
        id="A81",
        what="a second create of a user",
        code="identity.user_exists",
        endpoint="POST user-change-list",
        scene="user exists",
        status=409,
    ),
    Scene(
        id="A81",
        what="an update of nobody",
        code="identity.user_unknown",
        endpoint="POST user-change-list",
        scene="user unknown",
        status=409,
    ),
    Scene(
        id="A81",
        what="a user with somebody's address",
        code="identity.email_taken",
        endpoint="POST user-change-list",
        scene="email taken",
        status=409,
    ),
    Scene(
        id="A81",
        what="an update of who belongs elsewhere too",
        code="identity.user_shared",
        endpoint="POST user-change-list",
        scene="user shared",
        status=409,
    ),
    Scene(
        id="A81",
        what="a second change of a user at the same time",
        code="identity.user_change_running",
        endpoint="POST user-change-list",
        scene="user change running",
        status=409,
        retry_after=True,
    ),
    Scene(
        id="A81",
        what="a cancel of what has ended",
        code="identity.user_change_over",
        endpoint="POST user-change-cancel",
        scene="user change over",
        status=409,
        tells=("status",),
    ),
    *(
        Scene(
            id="A99",
            what="a session whose second factor was shown long ago",
            code="request.step_up_required",
            endpoint=endpoint,
            scene="stale session",
            status=403,
            tells=("url",),
        )
        for endpoint in _STEPPED_UP
    ),
    *(
        Scene(
            id="A82",
            what=what,
            code=f"apiauth.public_token_{code}",
            endpoint="GET order-list",
            scene=f"public token {code}",
            status=401,
        )
        for code, what in (
            ("expired", "a public token whose time is over"),
            ("claim_invalid", "a public token for another audience"),
            ("signature_invalid", "a public token that was changed"),
            ("used", "a second use of a public token for one"),
        )
    ),
    Scene(
        id="A82",
        what="a public token that reaches the orders of nobody in particular",
        code="apiauth.buyer_required",
        endpoint="POST public-token",
        scene="public token of no buyer",
        status=422,
        pointer="/buyer",
    ),
    Scene(
        id="A82",
        what="a public token of a key that is for no environment",
        code="apiauth.environment_required",
        endpoint="POST public-token",
        scene="key of no environment",
        status=409,
    ),
)

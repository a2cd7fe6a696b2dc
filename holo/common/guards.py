"""SQL of the database guards that migrations install."""

from django.db import migrations

_REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION holo_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END $$;
"""


def rewrite_append_only(table: str, statement: str) -> migrations.RunSQL:
    """Return the operation that changes rows of `table` once, as its owner: the guard is off for it alone."""
    return migrations.RunSQL(
        sql=f"""
        ALTER TABLE {table} DISABLE TRIGGER {table}_append_only;
        {statement};
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
        """,
        reverse_sql=migrations.RunSQL.noop,
    )


def append_only(table: str) -> migrations.RunSQL:
    """Return the operation that refuses UPDATE, DELETE and TRUNCATE of `table`, for every role.

    ENABLE ALWAYS, so that `session_replication_role = replica` does not lift it. The error is SQLSTATE 23514,
    which Django shows as IntegrityError.
    """
    return migrations.RunSQL(
        sql=f"""{_REFUSE_FUNCTION}
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION holo_refuse_change();
        CREATE TRIGGER {table}_no_truncate_append_only BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION holo_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate_append_only;
        """,
        reverse_sql=f"""
        DROP TRIGGER IF EXISTS {table}_append_only ON {table};
        DROP TRIGGER IF EXISTS {table}_no_truncate_append_only ON {table};
        """,
    )


def same_organization(table: str, column: str, target: str) -> migrations.RunSQL:
    """Return the operation that keeps a row of `table` and the one that it names of one organisation.

    Rows that were there are not looked at until `validate_same_organization`, which locks out nobody.
    """
    name = _tenant_key(table, column)
    return migrations.RunSQL(
        sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}, organization_id)"
        f" REFERENCES {target} (id, organization_id) DEFERRABLE INITIALLY DEFERRED NOT VALID",
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
    )


def validate_same_organization(table: str, column: str) -> migrations.RunSQL:
    """Return the operation that looks at the rows that were there; in a migration after the other one."""
    return migrations.RunSQL(
        sql=f"ALTER TABLE {table} VALIDATE CONSTRAINT {_tenant_key(table, column)}",
        reverse_sql=migrations.RunSQL.noop,
    )


def _tenant_key(table: str, column: str) -> str:
    return f"{table}_same_{column.removesuffix('_id')}"


_STAMP_FUNCTION = """
CREATE OR REPLACE FUNCTION holo_stamp_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;
"""


def stamped(table: str) -> migrations.RunSQL:
    """Return the operation that lets the database's clock alone say when a row was added.

    Not ENABLE ALWAYS: a replica keeps the time of the original.
    """
    return migrations.RunSQL(
        sql=f"""{_STAMP_FUNCTION}
        CREATE TRIGGER {table}_stamp BEFORE INSERT ON {table}
            FOR EACH ROW EXECUTE FUNCTION holo_stamp_time();
        """,
        reverse_sql=f"DROP TRIGGER IF EXISTS {table}_stamp ON {table}",
    )


_ONCE_FUNCTION = """
CREATE OR REPLACE FUNCTION holo_refuse_second_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% has a fact that is set once', TG_TABLE_NAME
        USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_set_once';
END $$;
"""


def set_once(table: str, *columns: str) -> migrations.RunSQL:
    """Return the operation that keeps what these columns hold once they are not NULL.

    The condition is part of the trigger, so an ordinary update calls no function.
    """
    changed = " OR ".join(
        f"(OLD.{name} IS NOT NULL AND NEW.{name} IS DISTINCT FROM OLD.{name})" for name in columns
    )
    return migrations.RunSQL(
        sql=f"""{_ONCE_FUNCTION}
        CREATE TRIGGER {table}_set_once BEFORE UPDATE OF {", ".join(columns)} ON {table}
            FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION holo_refuse_second_value();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_set_once;
        """,
        reverse_sql=f"DROP TRIGGER IF EXISTS {table}_set_once ON {table}",
    )


_RULE_FUNCTION = """
CREATE OR REPLACE FUNCTION holo_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', TG_NAME, TG_ARGV[0] USING ERRCODE = '23514', CONSTRAINT = TG_NAME;
END $$;
"""


def refuse_when(table: str, rule: str, *, before: str, when: str, message: str) -> migrations.RunSQL:
    """Return the operation that refuses a change of a row of `table` where `when` holds of OLD and NEW.

    `before` says which changes are looked at, such as `UPDATE OF state`. The condition is part of the
    trigger, so an ordinary change calls no function.
    """
    name = f"{table}_{rule}"
    return migrations.RunSQL(
        sql=f"""{_RULE_FUNCTION}
        CREATE TRIGGER {name} BEFORE {before} ON {table}
            FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION holo_refuse('{message}');
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};
        """,
        reverse_sql=f"DROP TRIGGER IF EXISTS {name} ON {table}",
    )


def one_way(table: str, *moves: tuple[str, str]) -> migrations.RunSQL:
    """Return the operation that lets the state of a row of `table` change by these moves alone."""
    pairs = ", ".join(f"('{before}', '{after}')" for before, after in moves)
    return refuse_when(
        table,
        "one_way",
        before="UPDATE OF state",
        when=f"OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({pairs})",
        message="a state goes one way",
    )


def written_once(table: str, *columns: str) -> migrations.RunSQL:
    """Return the operation that keeps the text of these columns once it is not empty."""
    changed = " OR ".join(f"(OLD.{name} <> '' AND NEW.{name} <> OLD.{name})" for name in columns)
    return refuse_when(
        table,
        "written_once",
        before=f"UPDATE OF {', '.join(columns)}",
        when=changed,
        message="what is written once stays",
    )


def sees_all_rows(*functions: str) -> migrations.RunSQL:
    """Return the operation that has the functions of guards look at the rows of all organisations.

    As whoever writes they would not see a row that row-level security hides, and it may be the one for which
    they refuse. The owner sees all; so none of these writes, and none can be called but by its trigger.
    """
    seeing, blind = "SECURITY DEFINER SET search_path = public, pg_temp", "SECURITY INVOKER RESET search_path"
    return migrations.RunSQL(
        sql="".join(f"ALTER FUNCTION {name} {seeing};" for name in functions),
        reverse_sql="".join(f"ALTER FUNCTION {name} {blind};" for name in functions),
    )

#!/bin/sh
# Runs once, when the compose file's PostgreSQL makes its data: Holo's roles and database.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v owner_password="$HOLO_OWNER_PASSWORD" -v app_password="$HOLO_APP_PASSWORD" <<'SQL'
CREATE ROLE holo_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE holo_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
CREATE ROLE holo_auditor NOLOGIN;
CREATE ROLE holo_checker NOLOGIN;
CREATE DATABASE holo OWNER holo_owner;
REVOKE TEMPORARY, CREATE ON DATABASE holo FROM PUBLIC;
SQL

#!/bin/sh
# Runs once, when the compose file's PostgreSQL makes its data: the roles and databases of Holo and of Temporal.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v owner_password="$HOLO_OWNER_PASSWORD" -v app_password="$HOLO_APP_PASSWORD" \
    -v temporal_password="$TEMPORAL_PASSWORD" <<'SQL'
CREATE ROLE holo_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE holo_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
CREATE ROLE temporal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'temporal_password';
CREATE DATABASE holo OWNER holo_owner;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE TEMPORARY, CREATE ON DATABASE holo FROM PUBLIC;
SQL

#!/usr/bin/env bash
# Run once, when the image creates its database: the extension, and a login for the application that is not the
# superuser POSTGRES_USER, whom row-level security would not bind.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=on \
    --set database="$POSTGRES_DB" --set password="${APP_PASSWORD:?set APP_PASSWORD, the password of the login app}" <<'SQL'
CREATE EXTENSION pg_warden;
CREATE ROLE app LOGIN PASSWORD :'password';
SELECT warden.add_client_role('app');
-- The identity's settings exist from the first statement of each connection on.
ALTER DATABASE :"database" SET session_preload_libraries = pg_warden;
SQL

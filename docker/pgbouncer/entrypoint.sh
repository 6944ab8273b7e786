#!/bin/sh
# PgBouncer needs the password itself, to log in to the server with SCRAM as well as to check its clients.
set -eu
umask 077
escaped=$(printf '%s' "${APP_PASSWORD:?set APP_PASSWORD, the password of the login app}" | sed 's/"/""/g')
printf '"app" "%s"\n' "$escaped" >/tmp/users.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini

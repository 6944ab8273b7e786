# shellcheck shell=bash disable=SC2154
# A private PostgreSQL and PgBouncer for one run: cluster_start, cluster_stop. Sourced after lib.sh.
#
# After cluster_start the environment says where they are; pg_test/README.md lists the variables.

# Only what this process starts is its own to stop.
unset WARDEN_RUN_DIR

# cluster_start MAJOR PROFILE: build the extension and start a server that has it, with a pooler in front.
cluster_start() {
    local major=$1 profile=$2 pg_config
    "$here/deps" build pooler
    pg_config=$("$here/pg-config" "$major")

    # Below /tmp and nowhere else: a TMPDIR of root's may be closed to the server's user,
    # and the path of a socket must not exceed 107 bytes.
    WARDEN_RUN_DIR=$(mktemp -d /tmp/pg_warden.XXXXXX)
    say "building for PostgreSQL $major"
    "$here/build" "$pg_config" "$profile" "$WARDEN_RUN_DIR/server"

    export WARDEN_RUN_DIR
    export WARDEN_PG_MAJOR=$major
    WARDEN_BIN_DIR=$WARDEN_RUN_DIR/server$("$pg_config" --bindir)
    export WARDEN_BIN_DIR
    export WARDEN_PG_CONFIG=$WARDEN_BIN_DIR/pg_config
    export WARDEN_SOCKET_DIR=$WARDEN_RUN_DIR/socket
    export WARDEN_LOG=$WARDEN_RUN_DIR/server.log
    export WARDEN_HOST=127.0.0.1
    export WARDEN_AS_SERVER_USER=$here/as-server-user
    export PATH=$WARDEN_BIN_DIR:$PATH

    mkdir "$WARDEN_SOCKET_DIR"
    write_access_rules
    # Closed to everyone else: whoever reaches the socket is superuser.
    chmod 700 "$WARDEN_RUN_DIR"
    if [[ $(id -u) == 0 ]]; then
        chown -R "$server_user" "$WARDEN_RUN_DIR"
    fi
    start_server
    start_pooler
    export WARDEN_PORT WARDEN_POOLER_PORT
    export WARDEN_ADMIN_DSN="host=$WARDEN_SOCKET_DIR port=$WARDEN_PORT user=postgres dbname=postgres"
    # What psql and libpq use when told nothing else.
    export PGHOST=$WARDEN_SOCKET_DIR PGPORT=$WARDEN_PORT PGUSER=postgres PGDATABASE=postgres
}

cluster_stop() {
    if [[ -n ${WARDEN_RUN_DIR:-} ]]; then
        "$here/stop" "$WARDEN_RUN_DIR"
    fi
}

# The superuser comes in by the socket of the closed directory only, everyone else also by TCP, all without a password.
write_access_rules() {
    cat >"$WARDEN_RUN_DIR/hba.conf" <<'RULES'
local  all          all                     trust
host   all          postgres  127.0.0.1/32  reject
host   all          all       127.0.0.1/32  trust
RULES
    # A standby connects by the socket. PgBouncer does not know this kind of line.
    { cat "$WARDEN_RUN_DIR/hba.conf"; echo 'local  replication  all  trust'; } >"$WARDEN_RUN_DIR/server_hba.conf"
}

start_server() {
    as_server_user "$WARDEN_BIN_DIR/initdb" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync --pgdata="$WARDEN_RUN_DIR/data" >"$WARDEN_RUN_DIR/initdb.log" 2>&1 ||
        die "initdb failed: $(cat "$WARDEN_RUN_DIR/initdb.log")"
    as_server_user tee -a "$WARDEN_RUN_DIR/data/postgresql.conf" >/dev/null <<CONFIGURATION
listen_addresses = '$WARDEN_HOST'
unix_socket_directories = '$WARDEN_SOCKET_DIR'
hba_file = '$WARDEN_RUN_DIR/server_hba.conf'
log_line_prefix = '%m [%p] %q%u@%d '
max_prepared_transactions = 10
# The cluster is thrown away: nothing in it has to survive a power cut.
fsync = off
full_page_writes = off
# Statistics, plans and locks are what a test makes of them: nothing comes in between of its own accord.
autovacuum = off
CONFIGURATION
    # Between our looking for a port and our taking it somebody else may: another run beside this one.
    for _ in {1..5}; do
        WARDEN_PORT=$(free_port)
        if as_server_user "$WARDEN_BIN_DIR/pg_ctl" start --silent --wait --options="-p $WARDEN_PORT" \
            --pgdata="$WARDEN_RUN_DIR/data" --log="$WARDEN_LOG" </dev/null; then
            return
        fi
    done
    die "the server did not start: $(tail -n 20 "$WARDEN_LOG")"
}

start_pooler() {
    local log=$WARDEN_RUN_DIR/pgbouncer.log
    for _ in {1..5}; do
        WARDEN_POOLER_PORT=$(free_port)
        configure_pooler
        rm -f "$log"
        if as_server_user env "PATH=$PATH:/usr/sbin" pgbouncer --quiet --daemon "$WARDEN_RUN_DIR/pgbouncer.ini" &&
            pooler_answers && ! grep -q 'cannot listen on' "$log"; then
            return
        fi
        # Without the port it is content with its socket, and the tests would meet another run's pooler there.
        "$here/stop" --pooler "$WARDEN_RUN_DIR"
    done
    die "PgBouncer did not start: $(cat "$log")"
}

# It comes up after its command has ended.
pooler_answers() {
    local socket=(-h "$WARDEN_SOCKET_DIR" -p "$WARDEN_POOLER_PORT" -U postgres -d pgbouncer)
    for _ in {1..600}; do
        if "$WARDEN_BIN_DIR/psql" -X -q "${socket[@]}" -c 'SHOW VERSION' >/dev/null 2>&1; then
            return
        fi
        sleep 0.1
    done
    return 1
}

# Transaction pooling, five server connections: small enough that clients do share connections.
configure_pooler() {
    local version extra=''
    version=$(PATH=$PATH:/usr/sbin pgbouncer --version | sed -n 's/^PgBouncer //p')
    # Prepared statements through a transaction pool came with 1.21.
    if [[ $(printf '1.21\n%s\n' "$version" | sort -V | head -n 1) == 1.21 ]]; then
        extra='max_prepared_statements = 200'
    fi
    cat >"$WARDEN_RUN_DIR/pgbouncer.ini" <<CONFIGURATION
[databases]
* = host=$WARDEN_SOCKET_DIR port=$WARDEN_PORT
[pgbouncer]
listen_addr = $WARDEN_HOST
listen_port = $WARDEN_POOLER_PORT
unix_socket_dir = $WARDEN_SOCKET_DIR
logfile = $WARDEN_RUN_DIR/pgbouncer.log
pidfile = $WARDEN_RUN_DIR/pgbouncer.pid
pool_mode = transaction
default_pool_size = 5
max_client_conn = 500
auth_type = hba
auth_hba_file = $WARDEN_RUN_DIR/hba.conf
auth_file = $WARDEN_RUN_DIR/pgbouncer.users
# Roles that a test creates are known to the pooler at once.
auth_user = postgres
admin_users = postgres
ignore_startup_parameters = extra_float_digits
# A busy machine lets everybody wait.
query_wait_timeout = 600
client_login_timeout = 300
server_connect_timeout = 300
server_login_retry = 1
$extra
CONFIGURATION
    echo '"postgres" ""' >"$WARDEN_RUN_DIR/pgbouncer.users"
}

# Below the range from which the kernel takes ports for outgoing connections.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

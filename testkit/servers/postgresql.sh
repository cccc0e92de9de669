# A private PostgreSQL for one test run. Sourced by `dev`.

postgresql_pid=

# Prints the directory of the server's own programs; Debian keeps them off the path.
postgresql_programs() {
  local dir
  for dir in $(ls -1d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V -r) /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [[ -x $dir/initdb ]]; then
      echo "$dir"
      return
    fi
  done
  command -v initdb >/dev/null && dirname "$(command -v initdb)"
}

# What makes a command run as the user whom PostgreSQL's files belong to: it refuses root.
as_postgres=()
if [[ $(id -u) == 0 ]]; then
  as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

# Starts a server and sets TEST_DATABASE_URL.
postgresql_start() {
  local programs data waited=0
  if ! programs=$(postgresql_programs); then
    install_package postgresql && programs=$(postgresql_programs) ||
      fail "no PostgreSQL: install it (Debian: apt-get install postgresql; macOS: brew install postgresql@16)," \
        "or set TEST_DATABASE_URL to one that tests may use"
  fi
  make_server_dir postgresql
  chmod 755 "$servers_dir"
  data=$server_dir/data
  [[ $(id -u) != 0 ]] || chown postgres "$server_dir"
  choose_ports 1
  say "starting PostgreSQL on port $port"
  [[ -e $data/PG_VERSION ]] || (cd / && ${as_postgres[@]+"${as_postgres[@]}"} "$programs/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$server_dir/initdb.log" 2>&1) || {
    tail -n 30 "$server_dir/initdb.log" >&2
    fail "PostgreSQL's initdb failed"
  }
  started=(postgresql_stop ${started[@]+"${started[@]}"})
  # Left behind by one that was killed; its lines are not to be taken for those of the next.
  rm -f "$data/postmaster.pid" "$data"/.s.PGSQL.* "$server_dir/log"
  (cd / && in_background ${as_postgres[@]+"${as_postgres[@]}"} "$programs/postgres" -D "$data" -p "$port" -h 127.0.0.1 -k "$data" -c max_connections=400 \
    >"$server_dir/log" 2>&1 </dev/null) &
  until grep -qs 'ready to accept connections' "$server_dir/log" && [[ -s $data/postmaster.pid ]]; do
    if ((waited++ > 300)); then
      tail -n 30 "$server_dir/log" >&2 || true
      fail "PostgreSQL did not start"
    fi
    sleep 0.1
  done
  postgresql_pid=$(head -n 1 "$data/postmaster.pid")
  TEST_DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
  say "PostgreSQL is ready: TEST_DATABASE_URL=$TEST_DATABASE_URL"
}

# INT is its fast shutdown: clients are cut off, nothing is lost.
postgresql_stop() {
  kill -INT "$postgresql_pid" 2>/dev/null || return 0
  end_process "$postgresql_pid" 10
}

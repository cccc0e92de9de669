# What the servers of a test run share. Sourced by `dev`, which owns `servers_dir` and `started`.

say() { echo "dev: $*" >&2; }

fail() {
  say "$@"
  exit 1
}

# Makes the directory of this run and says in `server_dir` where a server of it lives.
# usage: make_server_dir NAME
make_server_dir() {
  if [[ -z $servers_dir ]]; then
    servers_dir=$(mktemp -d "${TMPDIR:-/tmp}/flow-runner-dev.XXXXXX")
  fi
  server_dir=$servers_dir/$1
  mkdir -p "$server_dir"
}

# Sets `port` to the first of COUNT neighbouring ports of the server in `server_dir`: those it had before, or free ones.
# usage: choose_ports COUNT
choose_ports() {
  if [[ -s $server_dir/port ]]; then
    port=$(<"$server_dir/port")
  else
    find_ports "$1"
    echo "$port" >"$server_dir/port"
  fi
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets `port` to the first of COUNT free neighbouring ports, below those that the system hands out by itself.
# usage: find_ports COUNT
find_ports() {
  local count=$1 try i
  for try in {1..50}; do
    port=$((20000 + RANDOM % 10000))
    for ((i = 0; i < count; i++)); do
      port_is_free $((port + i)) || continue 2
    done
    return 0
  done
  fail "no $count free neighbouring ports found in $try tries"
}

# Runs a command as root, if that needs no password.
as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# Installs a Debian package without letting it start a service of its own. False where that can't be done.
# usage: install_package NAME
install_package() {
  local policy=/usr/sbin/policy-rc.d own_policy='' status=0
  command -v apt-get >/dev/null && as_root true 2>/dev/null || return 1
  say "installing $1"
  # Debian asks this program whether a freshly installed service may start.
  if [[ ! -e $policy ]]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
  fi
  { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1"; } \
    >&2 || status=1
  if [[ -n $own_policy ]]; then
    as_root rm -f "$policy"
  fi
  return $status
}

# Ends a process by its id: asks, waits, then insists.
# usage: end_process PID SECONDS
end_process() {
  local pid=$1 tenths=$(($2 * 10))
  kill -TERM "$pid" 2>/dev/null || return 0
  while ((tenths-- > 0)) && kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# Becomes a command in a session of its own where the system can, so that its process id is the one that was given.
in_background() {
  if command -v setsid >/dev/null; then
    exec setsid "$@"
  fi
  trap '' INT
  exec "$@"
}

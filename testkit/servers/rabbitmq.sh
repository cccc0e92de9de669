# A private RabbitMQ for one test run. Sourced by `dev`.

# The broker and the Erlang port mapper that was started for it.
rabbitmq_pid=
rabbitmq_epmd_pid=
rabbitmq_dir=

# Prints the directory of the server's own programs. The wrappers under /usr/sbin switch user and drop the environment.
rabbitmq_programs() {
  local dir
  for dir in /usr/lib/rabbitmq/bin /usr/local/lib/rabbitmq/bin /opt/rabbitmq/sbin /opt/homebrew/opt/rabbitmq/sbin /usr/local/opt/rabbitmq/sbin; do
    if [[ -x $dir/rabbitmq-server ]]; then
      echo "$dir"
      return
    fi
  done
  return 1
}

# Starts a broker and sets TEST_AMQP_URL.
rabbitmq_start() {
  local programs log waited=0
  if ! programs=$(rabbitmq_programs); then
    install_package rabbitmq-server && programs=$(rabbitmq_programs) ||
      fail "no RabbitMQ: install it (Debian: apt-get install rabbitmq-server; macOS: brew install rabbitmq)," \
        "or set TEST_AMQP_URL to one that tests may use"
  fi
  make_server_dir rabbitmq
  rabbitmq_dir=$server_dir
  log=$rabbitmq_dir/log/stdout.log
  mkdir -p "$rabbitmq_dir"/{home,mnesia,log}
  choose_ports 3
  echo '[].' >"$rabbitmq_dir/enabled_plugins"
  cat >"$rabbitmq_dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$port
log.console = false
# Below the default a broker on a nearly full disk takes nothing and every test waits for it.
disk_free_limit.absolute = 1GB
CONF
  say "starting RabbitMQ on port $port"
  started=(rabbitmq_stop ${started[@]+"${started[@]}"})
  rabbitmq_run "$programs" "$log"
  until grep -qs 'completed with' "$log"; do
    if ((waited++ > 900)) || ! kill -0 "$rabbitmq_pid" 2>/dev/null; then
      tail -n 30 "$log" "$rabbitmq_dir"/log/*.log >&2 || true
      fail "RabbitMQ did not start"
    fi
    sleep 0.1
  done
  # The process that was started may have become another one.
  rabbitmq_pid=$(<"$rabbitmq_dir/rabbit.pid")
  TEST_AMQP_URL=amqp://guest:guest@127.0.0.1:$port
  say "RabbitMQ is ready: TEST_AMQP_URL=$TEST_AMQP_URL"
}

# Runs port mapper and broker, deaf to the terminal's Ctrl-C: they are stopped in order.
# usage: rabbitmq_run PROGRAMS LOG
rabbitmq_run() {
  local epmd
  epmd=$(command -v epmd || ls -1 /usr/lib/erlang/erts-*/bin/epmd 2>/dev/null | tail -n 1) || true
  [[ -n $epmd ]] || fail "no epmd beside RabbitMQ: install Erlang, or set TEST_AMQP_URL"
  # Our own port mapper: a shared one would outlive us, and two test runs would meet in it.
  in_background "$epmd" -port $((port + 2)) -address 127.0.0.1 >"$rabbitmq_dir/log/epmd.log" 2>&1 </dev/null &
  rabbitmq_epmd_pid=$!
  (rabbitmq_environment && in_background "$1/rabbitmq-server") >"$2" 2>&1 </dev/null &
  rabbitmq_pid=$!
}

# Says which broker is meant, to the broker and to its tools.
rabbitmq_environment() {
  export HOME=$rabbitmq_dir/home \
    RABBITMQ_NODENAME=flow-test@localhost \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODE_PORT=$port \
    RABBITMQ_DIST_PORT=$((port + 1)) \
    ERL_EPMD_PORT=$((port + 2)) \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_MNESIA_BASE=$rabbitmq_dir/mnesia \
    RABBITMQ_LOG_BASE=$rabbitmq_dir/log \
    RABBITMQ_PID_FILE=$rabbitmq_dir/rabbit.pid \
    RABBITMQ_ENABLED_PLUGINS_FILE=$rabbitmq_dir/enabled_plugins \
    RABBITMQ_CONFIG_FILE=$rabbitmq_dir/rabbitmq.conf \
    RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
}

# Runs one of the broker's own tools on it. usage: rabbitmq_tool NAME ARGS...
rabbitmq_tool() {
  local tool=$1
  shift
  (rabbitmq_environment && "$(rabbitmq_programs)/$tool" "$@")
}

rabbitmq_stop() {
  # Read first: the broker deletes the file when it ends.
  if [[ -s $rabbitmq_dir/rabbit.pid ]]; then
    rabbitmq_pid=$(<"$rabbitmq_dir/rabbit.pid")
  fi
  [[ -z $rabbitmq_pid ]] || end_process "$rabbitmq_pid" 30
  [[ -z $rabbitmq_epmd_pid ]] || end_process "$rabbitmq_epmd_pid" 5
}

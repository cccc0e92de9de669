# A private Redis for one test run. Sourced by `dev`.

redis_pid=

# Starts a server and sets TEST_REDIS_URL.
redis_start() {
  local waited=0
  command -v redis-server >/dev/null || install_package redis-server ||
    fail "no Redis: install it (Debian: apt-get install redis-server; macOS: brew install redis)," \
      "or set TEST_REDIS_URL to one that tests may use"
  make_server_dir redis
  choose_ports 1
  say "starting Redis on port $port"
  started=(redis_stop ${started[@]+"${started[@]}"})
  in_background redis-server --port "$port" --bind 127.0.0.1 --dir "$server_dir" --appendonly yes --save '' \
    >>"$server_dir/log" 2>&1 </dev/null &
  redis_pid=$!
  until grep -qs "^$redis_pid:.*Ready to accept connections" "$server_dir/log"; do
    if ((waited++ > 300)) || ! kill -0 "$redis_pid" 2>/dev/null; then
      tail -n 30 "$server_dir/log" >&2 || true
      fail "Redis did not start"
    fi
    sleep 0.1
  done
  TEST_REDIS_URL=redis://127.0.0.1:$port
  say "Redis is ready: TEST_REDIS_URL=$TEST_REDIS_URL"
}

redis_stop() { end_process "$redis_pid" 10; }

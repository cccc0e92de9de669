#!/usr/bin/env bash
# A server of one test's own, to be stopped, killed and started again: in DIR it has its data, its port and its process ids.
# usage: private.sh rabbitmq|redis|postgresql DIR start|stop
#        private.sh rabbitmq DIR ctl ARGS...
# `start` prints the URL and leaves the id of the process that is the server in DIR/pid.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=$1
servers_dir=$2
started=()
for part in lib rabbitmq redis postgresql; do
  # shellcheck source=/dev/null
  source "$here/$part.sh"
done

# What the functions of the servers keep in variables, from one call of this script to the next.
remembered=$servers_dir/remembered
make_server_dir "$server"
# shellcheck source=/dev/null
[[ ! -e $remembered ]] || source "$remembered"
case $3 in
  start)
    # What was begun and is not finished goes again.
    trap '"${server}_stop" || true' ERR INT TERM
    if [[ $server == rabbitmq && -n $rabbitmq_epmd_pid ]]; then
      # A broker that was killed leaves its port mapper behind, which still knows its name.
      end_process "$rabbitmq_epmd_pid" 5
      rm -f "$rabbitmq_dir/rabbit.pid" "$rabbitmq_dir/log/stdout.log"
    fi
    "${server}_start"
    declare -p port rabbitmq_pid rabbitmq_epmd_pid rabbitmq_dir redis_pid postgresql_pid >"$remembered"
    trap - ERR INT TERM
    pid="${server}_pid"
    echo "${!pid}" >"$servers_dir/pid"
    case $server in
      rabbitmq) echo "$TEST_AMQP_URL" ;;
      redis) echo "$TEST_REDIS_URL" ;;
      postgresql) echo "$TEST_DATABASE_URL" ;;
    esac
    ;;
  stop) "${server}_stop" ;;
  ctl) rabbitmq_tool rabbitmqctl "${@:4}" ;;
esac

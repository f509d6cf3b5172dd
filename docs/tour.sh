#!/usr/bin/env bash
# A tour of a running sink, and of what an operator sees when something goes wrong. It starts a PostgreSQL and a Kafka of its own, shows each step
# and checks what it shows; it needs what the tests need (README), and takes half a minute. Nothing stays behind.
#
#     docs/tour.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -z "${WITHSERVERS_PID:-}" ]]; then # once more, with servers
	make --silent build
	exec env -u TEST_DATABASE_URL -u TEST_KAFKA_BROKERS CI=true go run ./internal/localenv/withservers docs/tour.sh
fi

export DATABASE_URL=$TEST_DATABASE_URL KAFKA_BROKERS=$TEST_KAFKA_BROKERS NO_COLOR=1
dir=$(mktemp -d)
log=$dir/sink.log
running=
end() {
	[[ -z $running ]] || kill -KILL "$running" 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
say() { printf '   %s\n' "$*"; }
fail() {
	printf '\ntour: %s\n--- the last output\n%s\n--- the log of the sink\n%s\n' "$*" "$(cat "$dir/out")" "$(cat "$log")" >&2
	exit 1
}
# sink runs a command, shows it with what it prints, and wants the exit code that CODE says.
sink() {
	local code=0
	printf '$ sink %s\n' "$*"
	bin/sink "$@" >"$dir/out" 2>&1 || code=$?
	sed 's/^/  /' "$dir/out" | head -n "${LINES_SHOWN:-12}"
	((code == ${CODE:-0})) || fail "sink $1 ended with exit code $code, and should with ${CODE:-0}"
}
# shows wants a line of the last output to match.
shows() { grep -qE -- "$1" "$dir/out" || fail "the output should show: $1"; }
# get asks the sink over HTTP; the answer is the last output.
get() {
	exec 3<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET %s HTTP/1.0\r\nHost: localhost:%s\r\n\r\n' "$1" "$port" >&3
	cat <&3 >"$dir/out"
	exec 3>&-
}
# until_shows asks again until what a command prints matches, for a minute at most.
until_shows() {
	local pattern=$1 end=$((SECONDS + 60))
	shift
	while ! { "$@" >"$dir/out" 2>&1 || true; grep -qE -- "$pattern" "$dir/out"; }; do
		((SECONDS < end)) || fail "this should have come within a minute: $pattern"
		kill -0 "$running" 2>/dev/null || fail "the sink has ended"
		sleep 0.1
	done
}
logged() { until_shows "$1" cat "$log"; }
lag_zero() { bin/sink status --json | tr -d ' \n'; }

step "Rides into Kafka"
sink produce --topic rides --partitions 4 --synthetic 20000 --seed 1
shows '20000 rides'

step "A sink that stays, with a status page"
say '$ sink run --migrate --http-addr 127.0.0.1:0 &'
bin/sink run --migrate --http-addr 127.0.0.1:0 --log-format json >"$dir/stdout" 2>"$log" &
running=$!
logged '"msg":"http"'
port=$(sed -n 's/.*"msg":"http","addr":"127.0.0.1:\([0-9]*\)".*/\1/p' "$log")
until_shows '"totals":\{"lag":0,.*"inserted":20000,' lag_zero
sink status
shows 'rides/3 .*current'
get /readyz
shows '^ready'
get /
shows 'Running. PostgreSQL and Kafka answer.'
say "http://127.0.0.1:$port/ says: Running. PostgreSQL and Kafka answer."

step "What is in the topic, record by record"
sink peek --partition 0 --limit 3
shows '"insert"'

step "PostgreSQL is killed, and rides go on coming"
kill -USR1 "$WITHSERVERS_PID"
logged '"msg":"outage".*"what":"postgres"'
say "log: $(grep -m1 '"msg":"outage"' "$log" | cut -c1-140)..."
sink produce --topic rides --synthetic 5000 --seed 2
CODE=3 sink status
shows 'PostgreSQL'
get /readyz
shows '503'
get /metrics
shows '^ridesink_server_up\{server="postgres"\} 0'
say "metrics: $(grep '^ridesink_server_up' "$dir/out" | tr '\n' ' ')"
get /
shows 'PostgreSQL.* away'
say "page: PostgreSQL is away"

step "It comes back"
kill -USR2 "$WITHSERVERS_PID"
logged '"msg":"recovered","what":"postgres"'
say "log: $(grep -m1 '"msg":"recovered"' "$log" | cut -c1-140)..."
until_shows '"totals":\{"lag":0,.*"inserted":25000,' lag_zero
sink status
get /metrics
shows '^ridesink_server_up\{server="postgres"\} 1'

step "Five records that are no rides"
go run ./cmd/demo -bad-to "$KAFKA_BROKERS"
until_shows '"dead_letters":5' lag_zero
sink deadletters list
shows 'invalid_json'
shows 'no_known_field'
place=$(sed -n 's/^ *\(rides\/[0-9]*\/[0-9]*\) .*invalid_json.*/\1/p' "$dir/out" | head -n 1)
LINES_SHOWN=20 sink deadletters show "$place"
shows '"VendorID": 1'
sink deadletters retry
shows '5'
sink deadletters drop --reason no_known_field --because "the tour's" --yes
until_shows '"dead_letters":4' lag_zero
get /metrics
shows '^ridesink_dead_letters_total\{reason="invalid_json",topic="rides"\} 1'

step "Once more from the beginning of a partition, while the sink runs"
sink reset --to earliest --partition rides/0 --dry-run
sink reset --to earliest --partition rides/0 --yes
logged '"msg":"the ledger moved|"msg":"looking at the ledger again'
until_shows '"totals":\{"lag":0,' lag_zero

step "The proof"
until_shows '^ *proven: ' bin/sink verify
sink verify
shows '^proven: '

step "The end"
kill -TERM "$running"
code=0
wait "$running" || code=$?
((code == 0)) || fail "the sink ended with exit code $code after SIGTERM"
running=
cat "$log" >"$dir/out"
shows '"msg":"stopped"'
say "SIGTERM: exit code 0. log: $(tail -n 1 "$log" | cut -c1-140)"
printf '\nAll steps showed what they should, in %d s.\n' "$SECONDS"

#!/bin/sh
# Where the sink's processor time goes: three backfills of 4,000,000 rides, merged. `make profile` calls it, with servers that are up. It replaces
# cmd/sink/default.pgo, by which the compiler decides what to inline, and prints the twenty functions that take most.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export KAFKA_BROKERS="$TEST_KAFKA_BROKERS" DATABASE_URL="$TEST_DATABASE_URL" LOG_LEVEL=warn

go build -tags profile -pgo=off -trimpath -o "$dir/sink" ./cmd/sink
run() { SINK_CPU_PROFILE="$dir/$1.prof" "$dir/sink" "$@" >"$dir/out"; }
run produce --topic profile --partitions 4 --dialect tlc --synthetic 4000000 --seed 1
for i in 1 2 3; do
	run backfill --migrate --topics profile --json
	mv "$dir/backfill.prof" "$dir/$i.cpu"
	[ "$i" = 3 ] || run reset --topics profile --to earliest --yes
done
go tool pprof -proto "$dir"/?.cpu >cmd/sink/default.pgo 2>/dev/null
go tool pprof -top -nodecount 20 cmd/sink/default.pgo

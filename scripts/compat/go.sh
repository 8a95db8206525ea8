#!/usr/bin/env bash
# clickhouse-go's own suites, tests/ and tests/std, over HTTP. Their helpers dial the native port; an overlay for the compiler
# has them dial this one, so that every test that goes through them runs over HTTP, and the halves named Native, which would be the same
# again, are skipped. GO_SKIP names tests that dial the native port by themselves and take the whole run down with a
# panic when nobody answers.
set -euo pipefail
GO_SKIP='TestBatchAppendRows|TestBatchContextCancellation|TestBatchCloseConnectionReleased|TestBatchSendConnectionReleased'
GO_SKIP+='|TestBatchCloseConnectionReleasedOnError|TestBatchCloseConnectionHold|TestReadDeadline|TestStdConnClose'
GO_SKIP+='|TestQueryDeadline|TestEmptyDatabaseConfig|TestFreeBufOnConnRelease|TestRowsHasData'
cd "$1"
overlay=$(mktemp -d)
trap 'rm -rf -- "$overlay"' EXIT
sed -e '/^func (env \*ClickHouseTestEnvironment) setVersion/,/^}/{s/port := env.Port/port := env.HttpPort/;s/clickhouse.Open(&clickhouse.Options{/&\n\t\tProtocol: clickhouse.HTTP,/}' \
    -e '/^func getConnectionWithMutator/,/^}/{s/port := env.Port/port := env.HttpPort/;s/Protocol: clickhouse.Native/Protocol: clickhouse.HTTP/}' \
    -e 's/ClientOptionsFromEnv(env, settings, false)/ClientOptionsFromEnv(env, settings, true)/' tests/utils.go >"$overlay/tests.go"
sed -E '/^func Get(DSN|OpenDB)Connection\(/a protocol = clickhouse.HTTP' tests/std/utils.go >"$overlay/std.go"
printf '{"Replace": {"%s": "%s", "%s": "%s"}}' "$PWD/tests/utils.go" "$overlay/tests.go" "$PWD/tests/std/utils.go" "$overlay/std.go" >"$overlay/overlay.json"
export CLICKHOUSE_USE_DOCKER=false CLICKHOUSE_HOST=$CH_HOST CLICKHOUSE_HTTP_PORT=$CH_PORT CLICKHOUSE_PORT=1
export CLICKHOUSE_USERNAME=$CH_USER CLICKHOUSE_PASSWORD=$CH_PASSWORD
status=0
go test -overlay "$overlay/overlay.json" -p 1 -count=1 -timeout 900s -skip "^($GO_SKIP)\$|/^(Native|native).*" -v ./tests ./tests/std \
    >"$overlay/log" 2>&1 || status=$?
grep -E '^ *--- FAIL|^FAIL|^ok|^panic' "$overlay/log" || true
echo "$(grep -cE '^--- PASS' "$overlay/log") passed, $(grep -cE '^--- FAIL' "$overlay/log") failed, $(grep -cE '^--- SKIP' "$overlay/log") skipped (top-level tests)"
exit $status

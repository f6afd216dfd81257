#!/usr/bin/env bash
# What `make test-go` runs. Needs Go 1.24 or newer as `go`, and a C compiler for its race detector.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
folder=$PWD/build/conformance

unformatted=$("$(go env GOROOT)/bin/gofmt" -l clients/go)
[ -z "$unformatted" ] || { printf 'Not as gofmt has it: %s\n' "$unformatted" >&2; exit 1; }
for module in . grpc examples; do
    (cd "clients/go/$module" && go vet ./... && go test -race -timeout 60s ./...)
done

mkdir -p "$folder"
(cd clients/go/examples && go build -race -o "$folder/go-reference" ./reference)
kit() {
    .venv/bin/prack conformance "$1" --json --strict -- "$folder/go-reference" >"$folder/go-$1.json" ||
        { cat "$folder/go-$1.json" >&2; return 1; }
}
kit prack &
kit grpc
wait $!
.venv/bin/python -m scripts.languages_table --check "$folder"/go-*.json
.venv/bin/python -m pytest -q -n 0 tests/acceptance/test_go.py tests/acceptance/test_languages.py -k go "$@"

#!/usr/bin/env bash
# What `make test-node` runs. Needs Node 20.19 or newer as `node`, and its `npm`.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/build/conformance
library=$PWD/clients/node

if ! cmp -s "$library/package.json" "$library/node_modules/.ready"; then
    (cd "$library" && npm install --loglevel error)
    cp "$library/package.json" "$library/node_modules/.ready"
fi
(
    cd "$library"
    npm test
    npx --no-install prettier --log-level warn --check .
    npx --no-install tsc --noEmit --strict --module nodenext --target es2023 test/types.ts
    npm pack --dry-run --loglevel error >/dev/null
    cd test/apps/sveltekit && npx --no-install vite build --logLevel error
)

mkdir -p "$folder"
kit() {
    .venv/bin/prack conformance "$1" --json --strict -- \
        node "$library/bin/prack-node.js" "$library/examples/reference.js" >"$folder/node-$1.json" ||
        { cat "$folder/node-$1.json" >&2; return 1; }
}
kit prack &
kit grpc
wait $!
.venv/bin/python -m scripts.languages_table --check "$folder"/node-*.json
.venv/bin/python -m pytest -q -n 0 tests/acceptance/test_node.py tests/acceptance/test_languages.py -k node "$@"

#!/usr/bin/env bash
# scripts/test-rest-worker.sh LANGUAGE COMMAND...: tries a worker over REST with the conformance kit, compares its row in
# docs/languages.md, and runs applications of its language behind a real gateway.
set -euo pipefail
cd "$(dirname "$0")/.."
language=$1 folder=build/conformance
shift
mkdir -p "$folder"
.venv/bin/prack conformance rest --json --strict --timeout 15 -- "$@" >"$folder/$language-rest.json" ||
    { cat "$folder/$language-rest.json" >&2; exit 1; }
.venv/bin/python -m scripts.languages_table --check "$folder/$language-rest.json"
.venv/bin/python -m pytest -q -n 0 "tests/acceptance/test_$language.py" tests/acceptance/test_languages.py -k "$language"

#!/bin/sh
# A worker of one loop, with curl and jq: each call delivers an answer and takes the next request.
# SIGTERM or Ctrl-C: it takes no other request, delivers its last answer, and ends.
#
# sh examples/workers/exchange.sh [http://127.0.0.1:4242]

api=${1:-http://127.0.0.1:4242}/api/v1 name=shell-$$ max=1 answers='[]'
reply=$(mktemp)
trap 'rm -f "$reply"' EXIT

call() {
  curl --noproxy '*' -sf "$api/$1" -d "$2"
}

# Has the call that is parked return at once. With `max` 0 an answer is delivered, and nothing taken.
stop() {
  max=0
  call drain '{"worker": "'$name'", "leaving": true}' > /dev/null
}
trap stop TERM INT

while [ $max = 1 ] || [ "$answers" != '[]' ]; do
  call exchange '{"worker": "'$name'", "wait": 30, "max": '$max', "responses": '"$answers"'}' \
    > "$reply" &
  wait $! || wait $!  # a signal ends the first
  answers=$(jq -ce '.requests | map({
    identifier, code: 200, headers: {"Content-Type": "text/plain"},
    body: (.environment | "Shell got \(.REQUEST_METHOD) \(.PATH_INFO)?\(.QUERY_STRING)\n" | @base64)
  })' "$reply") || { answers='[]'; sleep 1; }
done

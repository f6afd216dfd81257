#!/bin/sh
# A worker as the original Prack had them, of curl, sed and base64.
#
# sh examples/workers/original/poll.sh [http://127.0.0.1:4242]

api=${1:-http://127.0.0.1:4242}/api/v1/request
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# A string of the request by its name; enough for strings without quotes in them.
value() {
  printf %s "$request" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

while :; do
  request=$(curl --noproxy '*' -s "$api") || { sleep 1; continue; }
  case $request in *'"error":'*) continue ;; esac

  echo "Shell got $(value REQUEST_METHOD) $(value PATH_INFO)?$(value QUERY_STRING)" > "$answer"
  value body | base64 -d >> "$answer"

  # JSON has the line breaks of base64 as \n.
  body=$(base64 < "$answer" | sed 's/$/\\n/' | tr -d '\n')
  curl --noproxy '*' -s "$api" -o /dev/null -d @- << JSON
{"identifier": "$(value identifier)", "code": "200", "body": "$body", "headers": {
  "Content-Type": "text/plain", "Content-Length": "$(($(wc -c < "$answer")))",
  "Connection": "close"}}
JSON
done

#!/bin/sh
# Serves the files of a folder, whatever their size, with curl and sed.
#
# sh examples/workers/file_server.sh [folder [http://127.0.0.1:4242]]

root=${1:-.} api=${2:-http://127.0.0.1:4242}/api/v1/requests
while :; do
  request=$(curl --noproxy '*' -sif "$api/next?wait=30&worker=files-$$&route=GET,HEAD+/&body=separate") ||
    { sleep 1; continue; }
  id=$(printf %s "$request" | sed -n 's/^prack-id: \([^[:cntrl:]]*\).*/\1/p' | head -n 1)
  path=$(printf %s "$request" | sed -n 's/^[A-Z]* \([^ ?]*\).* HTTP.*/\1/p' | head -n 1)
  case $path in *..* | *[!A-Za-z0-9._~/-]*) path=/ ;; esac
  if [ -z "$id" ]; then
    continue
  elif [ -f "$root$path" ]; then
    curl --noproxy '*' -s -o /dev/null -X POST -T "$root$path" "$api/$id/response"
  else
    curl --noproxy '*' -s -o /dev/null -H 'Prack-Status: 404' -d 'No such file' "$api/$id/response"
  fi
done

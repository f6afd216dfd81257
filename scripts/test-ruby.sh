#!/usr/bin/env bash
# What `make test-ruby` runs. Needs Ruby 3.0 or newer, Rack and Sinatra.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
(cd clients/ruby && gem build --quiet prack.gemspec -o ../../build/prack.gem 2>/dev/null)
ruby -w -Iclients/ruby/lib clients/ruby/test/all.rb
scripts/test-rest-worker.sh ruby rackup -I clients/ruby/lib -s prack -E none clients/ruby/examples/reference.ru

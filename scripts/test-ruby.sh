#!/usr/bin/env bash
# What `make test-ruby` runs, with the machine's Rack and with Rack 3. Needs Ruby 3.0 or newer, Rack and Sinatra.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
(cd clients/ruby && gem build --quiet prack.gemspec -o ../../build/prack.gem 2>/dev/null)
try() {
    ruby -rrack -e 'puts "Rack #{Rack.release}"'
    ruby -w -Iclients/ruby/lib clients/ruby/test/all.rb
    scripts/test-rest-worker.sh ruby rackup -I clients/ruby/lib -s prack -E none clients/ruby/examples/reference.ru
}
try

scripts/unpack-debian.sh .venv-rack3 trixie ruby-base64 ruby-mustermann ruby-rack ruby-rackup ruby-rack-protection \
    ruby-rack-session ruby-sinatra ruby-tilt || exit ${TEST_EVERYTHING:+1}
gems=$PWD/.venv-rack3/usr/share/rubygems-integration/all/gems
RUBYLIB=$(printf '%s:' "$gems"/*/lib)
PATH=$(echo "$gems"/rackup-*/bin):$PATH
export RUBYLIB PATH
ruby -rrack -e 'exit Rack.release.start_with?("3.")'
try

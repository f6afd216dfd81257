#!/usr/bin/env bash
# What `make test-php` runs. Needs Composer, PHP 8.1 or newer with php-cgi, PHPUnit, PSR-15's interfaces, Nyholm's PSR-7, and Slim 3.
set -euo pipefail
cd "$(dirname "$0")/.."
export COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_DISABLE_NETWORK=1 COMPOSER_HOME=$PWD/build/composer
if command -v composer >/dev/null; then
    composer validate -q -d clients/php --strict --no-check-version
    composer archive -q -d clients/php --dir="$PWD/build" --file=prack-php
elif [ -n "${TEST_EVERYTHING:-}" ]; then
    echo 'there is no composer: on Debian, apt-get install composer' >&2
    exit 1
fi
phpunit -c clients/php/phpunit.xml
scripts/test-rest-worker.sh php php clients/php/examples/reference.php

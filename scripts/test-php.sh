#!/usr/bin/env bash
# What `make test-php` runs. Needs PHP 8.1 or newer with php-cgi, PHPUnit, PSR-15's interfaces, Nyholm's PSR-7, and Slim 3.
set -euo pipefail
cd "$(dirname "$0")/.."
phpunit -c clients/php/phpunit.xml
scripts/test-rest-worker.sh php php clients/php/examples/reference.php

#!/usr/bin/env bash
# What `make test-php` runs. Needs PHP 8.1 or newer with php-cgi, PHPUnit, PSR-15's interfaces, Nyholm's PSR-7, and Slim 3.
set -euo pipefail
cd "$(dirname "$0")/.."

# Installed, it would remove the interfaces of PSR-15. With the extension that brings these it does not run.
if scripts/unpack-debian.sh .venv-composer bookworm composer jsonlint php-json-schema php-psr-{container,log} php-react-promise \
    php-composer-{ca-bundle,class-map-generator,metadata-minifier,pcre,semver,spdx-licenses,xdebug-handler} \
    php-seld-signal-handler php-symfony-{console,deprecation-contracts,filesystem,finder,process,service-contracts,string}; then
    composer() {
        COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_DISABLE_NETWORK=1 COMPOSER_HOME=$PWD/build/composer \
            php -n -d extension=phar -d extension=mbstring -d extension=iconv -d extension=ctype \
            -d include_path="$PWD/.venv-composer/usr/share/php" .venv-composer/usr/bin/composer -q -d clients/php "$@"
    }
    composer validate --strict --no-check-version
    composer archive --dir="$PWD/build" --file=prack-php
elif [ -n "${TEST_EVERYTHING:-}" ]; then
    exit 1
fi
phpunit -c clients/php/phpunit.xml
scripts/test-rest-worker.sh php php clients/php/examples/reference.php

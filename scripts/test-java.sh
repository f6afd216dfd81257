#!/usr/bin/env bash
# What `make test-java` runs. Needs a JDK, 17 or newer, and Maven.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd clients/java && mvn -q -B -Dstyle.color=never package)
scripts/test-rest-worker.sh java java -XX:TieredStopAtLevel=1 -cp clients/java/target/classes:clients/java/target/test-classes \
    prack.worker.examples.Reference

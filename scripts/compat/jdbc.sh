#!/usr/bin/env bash
# The JDBC driver: jdbc/Door.java.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$COMPAT_CACHE/jdbc
mkdir -p "$folder/classes"
need() { # FILE ARTIFACT
    if [ ! -f "$folder/$1" ]; then mvn -q -B dependency:copy -Dartifact="$2" -DoutputDirectory="$folder" >&2; fi
}
need clickhouse-jdbc-0.9.9-all.jar com.clickhouse:clickhouse-jdbc:0.9.9:jar:all
need slf4j-api-2.0.17.jar org.slf4j:slf4j-api:2.0.17
need slf4j-nop-2.0.17.jar org.slf4j:slf4j-nop:2.0.17
javac -cp "$folder/*" -d "$folder/classes" "$here/jdbc/Door.java"
java -cp "$folder/classes:$folder/*" Door

#!/usr/bin/env bash
# Installs what the Kafka tests and the demo run: Java, a broker and Connect worker, Debezium, a schema registry. Prints
# their folder. Every file is pinned by its checksum in scripts/kafka.sha256, whose hash is in the folder's name, so that a
# machine that has them answers at once. Maven fetches them: it knows this machine's mirrors and proxies.
#
#   libs/                       the class path of the broker, the worker and Kafka's tools
#   plugins/debezium-postgres/  the worker's plugin.path is plugins/
#   plugins/debezium-jdbc/
#   plugins/avro-converter/
#   registry/                   its jar ends in -runner.jar
#   formatted/                  a broker's empty log directory: formatting one takes a JVM's start
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=setup-kafka
. "$here/machine.sh"
sums=$here/kafka.sha256
place=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/kafka-$(sha256sum "$sums" | cut -c1-8)
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
work=

cleanup() {
    if [ -n "$work" ]; then rm -rf -- "$work"; fi
}
trap cleanup EXIT

java_is_new() {
    local version
    version=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ]
}

need_java() {
    if has java && java_is_new; then return; fi
    apt_install default-jre-headless
    java_is_new || fail "Kafka needs Java 17 or newer, and this is $(java -version 2>&1 | head -1)" \
        "install openjdk-17-jre-headless, or put a newer java first in the PATH"
}

# sha256, folder, group, artifact, version, type, classifier
jars() { sed '/^#/d; s/:/ /g' "$sums" | awk '{ print $1, $2, $3, $4, $5, ($6 == "" ? "jar" : $6), $7 }'; }

project() { # a pom.xml that asks for these files and nothing else
    local folder group artifact version type classifier
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>kafka</artifactId>'
    echo '<version>1</version><packaging>pom</packaging><build><plugins><plugin>'
    printf '<groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>' ${plugin//:/ }
    echo '<configuration><artifactItems>'
    while read -r _ folder group artifact version type classifier; do
        printf '<artifactItem><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>' "$group" "$artifact" "$version"
        printf '<type>%s</type><classifier>%s</classifier>' "$type" "$classifier"
        printf '<outputDirectory>%s</outputDirectory></artifactItem>\n' "$work/$folder"
    done < <(jars)
    echo '</artifactItems></configuration></plugin></plugins></build></project>'
}

fetch() {
    has mvn || apt_install maven
    say "downloading $(jars | wc -l) files with Maven (240 MB)"
    project >"$work/pom.xml"
    mvn -q -B -Dstyle.color=never -f "$work/pom.xml" "$plugin:copy" >&2 ||
        fail "could not download with Maven" "check the network and Maven's mirrors (~/.m2/settings.xml)"
    jars | awk -v OFS= '{ print $1, "  ", $2, "/", $4, "-", $5, ($7 == "" ? "" : "-" $7), ".", $6 }' >"$work/sums"
    (cd "$work" && sha256sum --check --strict --quiet sums) >&2 ||
        fail "a file is not the one in scripts/kafka.sha256" \
            "a broken or altered download: remove it from ~/.m2/repository, then run make $me again"
}

# Its page is left out.
unpack_registry() {
    tar -xzf "$work"/registry/*.tar.gz -C "$work/registry" --exclude='*registry-ui*' --exclude=meta
    rm "$work"/registry/*.tar.gz
}

# Apicurio's converter does not say that it is one, as `plugin.discovery=service_load` wants it.
name_converter() {
    mkdir -p "$work/META-INF/services"
    echo io.apicurio.registry.utils.converter.AvroConverter \
        >"$work/META-INF/services/org.apache.kafka.connect.storage.Converter"
    (cd "$work" && python3 -m zipfile -c plugins/avro-converter/services.jar META-INF)
}

format() {
    cat >"$work/format.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs=$work/formatted
END
    java -cp "$work/libs/*" kafka.tools.StorageTool format -t bWlsbHJhY2UtLWthZmthMQ \
        -c "$work/format.properties" >"$work/log" 2>&1 || fail "could not format a log directory: $(tail -3 "$work/log")"
}

need_java
if [ ! -f "$place/millrace.ok" ]; then
    has python3 || apt_install python3
    mkdir -p "$(dirname "$place")"
    exec 9>"$place.lock"
    flock 9
fi
if [ ! -f "$place/millrace.ok" ]; then
    # Beside its destination, so that the last step is a rename.
    work=$(mktemp -d "$place.XXXXXX")
    fetch
    unpack_registry
    name_converter
    format
    (cd "$work" && rm -r pom.xml sums META-INF format.properties log && touch millrace.ok)
    chmod 755 "$work"
    rm -rf -- "$place"
    mv "$work" "$place"
    work=
    say "Kafka, Debezium and the registry are in place"
fi
printf '%s\n' "$place"

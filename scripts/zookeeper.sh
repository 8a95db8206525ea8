#!/bin/sh
# Prints the folder that holds ZooKeeper's jars; fetches them once, with Maven.
set -e
folder=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/zookeeper-3.9.3
if [ ! -e "$folder/whole" ]; then
    rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"
    cat > pom.xml <<'END'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>zookeeper</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId><version>3.9.3</version></dependency>
    <dependency><groupId>io.dropwizard.metrics</groupId><artifactId>metrics-core</artifactId><version>4.1.12.1</version></dependency>
    <dependency><groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><version>1.1.10.5</version></dependency>
  </dependencies>
</project>
END
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory=jars -DincludeScope=runtime >&2
    touch whole
fi
echo "$folder/jars"

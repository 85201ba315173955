#!/bin/sh
# Builds the image of a node: deploy/build-image.sh [IMAGE]. Needs a JDK 17+ and a Docker engine.
#
# BASE=some-image/with-a-jre is used if given; else eclipse-temurin:25-jre, or :17-jre, if it is there or can be pulled; else a
# base is made of the JDK on this machine (jlink), the libraries that it needs, and busybox (apt-get install busybox-static).
set -eu
image=${1:-holdfast/node:local}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

./mvnw -q -pl deploy -am package -DskipTests -Dspotless.check.skip=true
mkdir "$work/context"
# One folder in the archive, whatever the version.
mkdir "$work/holdfast"
tar -xzf "$(ls -t deploy/target/holdfast-*.tar.gz | head -n 1)" -C "$work/holdfast" --strip-components=1
tar -czf "$work/context/holdfast.tar.gz" -C "$work" holdfast

base=${BASE:-}
for stock in eclipse-temurin:25-jre eclipse-temurin:17-jre; do
  if [ -z "$base" ] && { docker image inspect "$stock" || docker pull -q "$stock"; } >/dev/null 2>&1; then
    base=$stock
  fi
done
if [ -z "$base" ]; then
  echo "no stock JRE here and none to be had: making a base of this machine's JDK" >&2
  base=holdfast/base:local
  "$here/docker/base-of-jdk.sh" "$base" "$work/base"
fi
docker build -q --build-arg BASE="$base" -t "$image" -f deploy/docker/Dockerfile "$work/context" >/dev/null
echo "$image"

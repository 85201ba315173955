#!/bin/sh
# Generates the Python stubs of the public API into a folder.
set -eu
protos=$(cd "$(dirname "$0")/../../proto/src/main/protobuf" && pwd)
mkdir -p "$1"
protoc -I "$protos" --python_out="$1" --grpc_out="$1" --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" \
  "$protos"/holdfast/v1/*.proto

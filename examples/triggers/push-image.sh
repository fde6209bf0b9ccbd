#!/bin/sh
# Pushes an image without content: push-image.sh REGISTRY REPOSITORY TAG. Whoever has docker says: docker push REGISTRY/REPOSITORY:TAG
set -eu
base="http://$1/v2/$2"
config="{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Labels\":{\"version\":\"$3\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"
digest="sha256:$(printf %s "$config" | sha256sum | cut -d ' ' -f 1)"
place=$(curl -fsS -X POST -D - -o /dev/null "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
curl -fsS -X PUT -H 'Content-Type: application/octet-stream' -d "$config" "$place&digest=$digest"
kind=application/vnd.docker.distribution.manifest.v2+json
manifest="{\"schemaVersion\":2,\"mediaType\":\"$kind\",\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":${#config},\"digest\":\"$digest\"},\"layers\":[]}"
curl -fsS -X PUT -H "Content-Type: $kind" -d "$manifest" "$base/manifests/$3"
echo "pushed $1/$2:$3"

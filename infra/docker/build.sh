#!/usr/bin/env bash
# Builds the toolchain image of a TensorRT-LLM release, and prints its digest.
# Usage: build.sh RELEASE [NAME:TAG]   as in: build.sh v0.10.0 registry.example/enginesmith/trtllm:v0.10.0
# DOCKER names another docker program, BASE another base image, as one that was built from tensorrtllm_backend.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
table=$here/releases.tsv
docker=${DOCKER:-docker}

known() { grep --invert-match '^#' "$table" | cut --fields=1 | paste --serial --delimiters=' '; }

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  printf 'usage: %s RELEASE [NAME:TAG]\nRELEASE is one of: %s\n' "${0##*/}" "$(known)" >&2
  exit 2
fi
release=$1
name=${2:-enginesmith/trtllm:$release}

if ! row=$(grep --fixed-strings "$release"$'\t' "$table") || [ "${row%%$'\t'*}" != "$release" ]; then
  printf '%s: %s is not a release that it knows; known are: %s\n' "${0##*/}" "$release" "$(known)" >&2
  exit 2
fi
IFS=$'\t' read -r _ base quantizer torchvision tritonclient <<< "$row"

"$docker" build \
  --file "$here/Dockerfile" \
  --build-arg "BASE=${BASE:-$base}" \
  --build-arg "RELEASE=$release" \
  --build-arg "QUANTIZER=$quantizer" \
  --build-arg "TORCHVISION=$torchvision" \
  --build-arg "TRITONCLIENT=$tritonclient" \
  --tag "$name" \
  "$here" >&2

"$docker" image inspect --format '{{.Id}}' "$name"

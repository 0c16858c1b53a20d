#!/bin/sh
# Resolves requirements/*.txt with uv, for every platform, each file with its hashes.
# $1: a Python; what follows is handed to uv (--upgrade).
set -eu

python=$1
shift
venv=.cache/lock
[ -x "$venv/bin/uv" ] || {
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check uv
}

lock() {
    target=$1
    shift
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-emit-index-url --custom-compile-command "make lock" \
        --output-file "requirements/$target" "$@"
}

lock build.txt "$@" requirements/build.in
lock run.txt "$@" pyproject.toml
lock dev.txt "$@" --extra dev --constraint requirements/run.txt pyproject.toml
lock rig.txt "$@" requirements/rig.in

#!/bin/sh
# What the tests start besides Parley: Synapse and aiogram in an environment of their own, and the
# independent clients of Node. Does nothing where both are as their locks say.
# $1: a Python; python3 without it.
set -eu

python=${1:-python3}
rig=.cache/rig

same() {
    [ -f "$2" ] && cmp -s "$1" "$2"
}

if ! same requirements/rig.txt "$rig/.installed" || [ ! -x "$rig/bin/python" ]; then
    echo "Installing Synapse for the tests into $rig (about 30 seconds)."
    rm -rf "$rig"
    "$python" -m venv "$rig"
    "$rig/bin/python" -m pip install -qq --no-input --disable-pip-version-check --require-hashes \
        -r requirements/rig.txt
    cp requirements/rig.txt "$rig/.installed"
fi

if ! same tests/js/package-lock.json tests/js/node_modules/.installed; then
    if ! command -v npm >/dev/null 2>&1; then
        echo "parley: the tests need Node 20 or newer (Debian: apt install nodejs npm)." >&2
        exit 1
    fi
    echo "Installing the tests' clients of Node into tests/js/node_modules."
    (cd tests/js && npm ci --silent --no-audit --no-fund)
    cp tests/js/package-lock.json tests/js/node_modules/.installed
fi

#!/bin/sh
# Says in one sentence what this machine lacks, before anything that takes long;
# else prints the Python to use: $1 if it is new enough, or the newest that is found.
set -eu

fail() {
    printf 'parley: %s\n' "$1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

wanted=${1:-python3}
venv=${2:-.venv}

if [ -e "$venv/bin/python" ] && ! new_enough "$venv/bin/python"; then
    fail "$venv was made with a Python older than 3.11 or one that is gone: remove it (make clean)."
fi

python=
for name in "$wanted" python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$name"; then
        python=$name
        break
    fi
done

if [ -z "$python" ]; then
    found=$("$wanted" --version 2>/dev/null) || found="no $wanted"
    fail "Python 3.11 or newer is needed and this machine has $found: install it (Debian: apt install python3), or name one (make run PYTHON=/path/to/python3)."
fi

"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    fail "$python has no venv module: install it (Debian: apt install python3-venv)."

# CC and CXX may carry options and the defaults are alternatives: one word that is a program will do.
any_of() {
    for word in $1; do
        if has "$word"; then return 0; fi
    done
    return 1
}
if ! any_of "${CC:-cc gcc clang}" || ! any_of "${CXX:-c++ g++ clang++}"; then
    fail "A C and a C++ compiler are needed to build the engine: install them (Debian: apt install gcc g++)."
fi

printf '%s\n' "$python"

#!/bin/sh
# The tests look at the page in Debian's Chromium; installs it where it is missing and that is allowed.
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done

sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo="sudo -n"
fi

if command -v apt-get >/dev/null 2>&1 && $sudo true 2>/dev/null; then
    echo "Installing Chromium for the tests of the page."
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "parley: the tests need Chromium: install it (Debian: apt install chromium)." >&2
    exit 1
fi

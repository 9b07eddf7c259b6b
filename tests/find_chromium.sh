#!/bin/sh
# Prints the path of a Chromium for the browser tests; installs Debian's headless one where none is found and root may.
for candidate in "$CHROMIUM" chromium-headless-shell chromium chromium-browser google-chrome; do
    [ -n "$candidate" ] && command -v "$candidate" && exit 0
done
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
echo "No Chromium found: installing chromium-headless-shell" >&2
if $root apt-get update -qq >&2 && $root apt-get install -y -qq --no-install-recommends chromium-headless-shell >&2; then
    command -v chromium-headless-shell && exit 0
fi
echo "Browser tests need Chromium: install it, or set CHROMIUM to its path." >&2
exit 1

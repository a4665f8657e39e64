#!/bin/sh
# Unpacks one of the distribution's packages and its libraries into a folder; nothing is installed,
# and no service is started. Fails, and says so, where there is no such package.
set -eu
package=$2
script=$(realpath "$0")
mkdir -p "$1"
cd "$1"

fetch() {
    # Without the C library, which is there, and a compiler, which is large.
    libraries=$(apt-cache depends "$package" | sed -n 's/^ *|\{0,1\}Depends: \(lib[^ ]*\)$/\1/p' | grep -Ev '^lib(c6|llvm.*)$' || true)
    # shellcheck disable=SC2086
    apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$package" $libraries
}

# The lists of packages may be missing, or too old.
if ! fetch 2>/dev/null; then
    { [ "$(id -u)" = 0 ] && flock "$script" apt-get update -qq && fetch; } 2>/dev/null || {
        echo "no package $package here: the tests that need it are skipped" >&2
        exit 1
    }
fi
for file in ./*.deb; do
    dpkg-deb -x "$file" .
done
rm ./*.deb

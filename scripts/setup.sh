#!/bin/sh
# Installs what is missing of the Debian packages that are named: `scripts/setup.sh demo` or `scripts/setup.sh test`.
# Says first what it will do. Installs nothing that is there, and starts no service.
set -eu

# The certified OAuth server that the tests run against, beside what they build. Only when it is missing or another version.
install_oidc_provider() {
    here=$(cd "$(dirname "$0")/.." && pwd)
    from="$here/tests/oidc"
    to="${CARGO_TARGET_DIR:-$here/target}/oidc"
    if [ -d "$to/node_modules" ] && cmp -s "$from/package-lock.json" "$to/package-lock.json"; then return; fi
    echo "The OpenID-certified server oidc-provider will be installed into $to now."
    mkdir -p "$to"
    rm -rf "$to/node_modules"
    cp "$from/package.json" "$to/"
    (cd "$to" && cp "$from/package-lock.json" . && npm ci --no-audit --no-fund --ignore-scripts) || {
        rm -rf "$to"
        echo "error: npm could not install oidc-provider" >&2
        exit 1
    }
}

case "${1:-}" in
demo) wanted="gcc libc6-dev make ca-certificates dovecot-core dovecot-imapd dovecot-pop3d" ;;
test) wanted="gcc libc6-dev make ca-certificates dovecot-core dovecot-imapd dovecot-pop3d postgresql" ;;
*)
    echo "usage: $0 demo|test" >&2
    exit 2
    ;;
esac

if ! command -v cargo >/dev/null; then
    echo "error: cargo is missing: install Rust 1.95 or newer, see https://rustup.rs" >&2
    exit 1
fi

missing=""
for package in $wanted; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
# Node may come from elsewhere, with an npm that Debian does not know of.
if [ "$1" = test ] && ! { command -v node && command -v npm; } >/dev/null; then missing="$missing nodejs npm"; fi
if [ -z "$missing" ]; then
    if [ "$1" = test ]; then install_oidc_provider; fi
    exit 0
fi

# The sandbox and the tests run private instances; Debian's own services must not be started for them.
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "error: these packages are missing, and there is no sudo:$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi

echo "These Debian packages are missing and will be installed now:"
echo "   $missing"
echo "mail2jira itself needs none of them; the sandbox runs private copies of them on loopback ports."
keep_off=$(mktemp)
printf '#!/bin/sh\nexit 101\n' >"$keep_off"
chmod 755 "$keep_off"
restore() {
    if [ -n "${placed:-}" ]; then $as_root rm -f /usr/sbin/policy-rc.d; fi
    rm -f "$keep_off"
}
trap restore EXIT
# Debian asks this file whether a service may start (invoke-rc.d(8)); an administrator's own is left alone.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    $as_root install -m 755 "$keep_off" /usr/sbin/policy-rc.d
    placed=yes
fi
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
if [ "$1" = test ]; then install_oidc_provider; fi

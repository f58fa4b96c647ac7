#!/usr/bin/env bash
# Compiles a small Linux kernel with debugging information in the folder given, from Debian's kernel source package.
# Needs root only if packages are missing. What it makes is under the GPL and stays out of the repository.
set -euo pipefail
work=${1:?usage: build-small-kernel.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
source=/usr/src/linux-source-6.1.tar.xz

missing=()
[[ -f $source ]] || missing+=(linux-source-6.1)
for tool in gcc:gcc make:make flex:flex bison:bison bc:bc xz:xz-utils; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
[[ -f /usr/include/libelf.h ]] || missing+=(libelf-dev)
[[ -d /usr/include/openssl ]] || missing+=(libssl-dev)
if ((${#missing[@]})); then
  if [[ $(id -u) -eq 0 ]]; then sudo=(); else sudo=(sudo); fi
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

tar -xf "$source" -C "$work" --strip-components=1
cd "$work"
make -s tinyconfig
scripts/kconfig/merge_config.sh -m .config "$here/small.config" >/dev/null
make -s olddefconfig
make -s -j"$(nproc)" bzImage vmlinux

#!/bin/sh
# A base image without a registry: base-of-jdk.sh IMAGE FOLDER. A JRE linked from the JDK of this machine, the shared
# libraries that it and RocksDB load, and busybox for a shell and wget.
set -eu
image=$1
root=$2/root
java_home=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
busybox=$(command -v busybox) || { echo "install busybox (busybox-static) first" >&2; exit 1; }
mkdir -p "$root/bin" "$root/usr/bin" "$root/etc" "$root/tmp" "$root/opt" "$root/data" "$root/proc" "$root/sys" "$root/dev"
chmod 1777 "$root/tmp"

modules=java.base,java.logging,java.management,java.naming,java.sql,java.xml,java.net.http,java.instrument
modules=$modules,java.security.jgss,jdk.unsupported,jdk.httpserver,jdk.crypto.ec,jdk.management,jdk.jfr,jdk.zipfs,jdk.net
"$java_home/bin/jlink" --add-modules "$modules" --strip-debug --no-header-files --no-man-pages --output "$root/opt/java"
"$root/opt/java/bin/java" -Xshare:dump >/dev/null

# Shared libraries at their own paths, links followed.
libraries() {
  for file in "$@"; do
    ldd "$file" 2>/dev/null | awk '/=> \//{print $3} $1 ~ /^\//{print $1}'
  done | sort -u | while read -r library; do
    case $library in
      "$root"/*) ;;
      *) mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library" ;;
    esac
  done
}
# shellcheck disable=SC2046
LD_LIBRARY_PATH="$root/opt/java/lib:$root/opt/java/lib/server" \
  libraries "$root/opt/java/bin/java" $(find "$root/opt/java/lib" -name '*.so') "$busybox"
# What is loaded by name only: names of hosts, and what RocksDB needs.
for name in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 libgcc_s.so.1 libstdc++.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libm.so.6; do
  for folder in /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib/aarch64-linux-gnu /usr/lib/aarch64-linux-gnu /lib64; do
    if [ -e "$folder/$name" ]; then
      mkdir -p "$root$folder" && cp -L "$folder/$name" "$root$folder/"
      break
    fi
  done
done

cp "$busybox" "$root/bin/busybox"
for tool in $("$busybox" --list); do
  [ -e "$root/bin/$tool" ] || ln -s busybox "$root/bin/$tool"
done
ln -s /opt/java/bin/java "$root/usr/bin/java"
printf 'root:x:0:0:root:/root:/bin/sh\nholdfast:x:10001:10001::/data:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\nholdfast:x:10001:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
tar -C "$root" --owner=0 --group=0 -c . | docker import -c 'ENV PATH=/opt/java/bin:/usr/bin:/bin' - "$image" >/dev/null

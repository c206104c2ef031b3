# shellcheck shell=sh
# Puts Debian's tools and the libraries of all tools into /image, the root of the toolbox. Run by the Dockerfile.
set -eu
mkdir -p /image/bin /image/usr/bin /image/etc /image/tmp
chmod 1777 /image/tmp

# shellcheck disable=SC2013 # a pattern has no blanks
for pattern in $(awk '$1 == "debian" { print $3 }' /tools.txt); do
  for file in $pattern; do
    case $file in
      */lib/*) mkdir -p "/image$(dirname "$file")" && cp -L "$file" "/image$file" ;;
      /bin/busybox) cp "$file" /image/bin/busybox ;;
      *) cp -L "$file" /image/usr/bin/ ;;
    esac
  done
done
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "/image/bin/$applet"
done
# /usr/bin comes first on PATH. The shell of busybox would run its own `ip`, `ss` and `timeout` regardless of PATH.
ln -s dash /image/usr/bin/sh
for tool in /image/usr/bin/*; do
  # Prints no libraries for a static program.
  { ldd "$tool" 2>/dev/null || true; } | grep -o '/lib[^ ]*' | while read -r library; do
    mkdir -p "/image$(dirname "$library")" && cp -L "$library" "/image$library"
  done
done

echo 'root:x:0:0:root:/:/bin/sh' >/image/etc/passwd
echo 'root:x:0:' >/image/etc/group
echo 'hosts: files dns' >/image/etc/nsswitch.conf

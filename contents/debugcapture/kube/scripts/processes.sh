# shellcheck shell=sh
# Lists the processes that are to be seen, and needs no program besides the shell: images lack them. $1 is the id of the
# target's container. Lines: P pid uid gid rss-in-KiB name; T: it is in the target's control group; M file: it maps it.
# S: this shell. OWN: the first process is a debug container's own, so that the target's processes are not shared with it.
echo "S $$"
while read -r line || [ -n "$line" ]; do
  case $line in */debug-capture.d*) echo OWN;; esac
done 2>/dev/null </proc/1/cmdline
for process in /proc/[0-9]*; do
  name=; uid=; gid=; rss=0
  while read -r key value rest; do
    case $key in Name:) name=$value;; Uid:) uid=$value;; Gid:) gid=$value;; VmRSS:) rss=$value; break;; esac
  done <"$process/status" || continue
  echo "P ${process#/proc/} $uid $gid $rss $name"
  while read -r line; do case $line in *"$1"*) echo T; break;; esac; done <"$process/cgroup"
  last=
  while read -r _ _ _ _ _ file; do
    case $file in /*) [ "$file" = "$last" ] || { echo "M $file"; last=$file; };; esac
  done <"$process/maps"
done 2>/dev/null
exit 0

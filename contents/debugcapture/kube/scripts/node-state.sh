# shellcheck shell=sh
# Shows the state of a node. $1 is the directory with the node's files. Each tool is the node's own and may be missing.
show() { printf '\n== %s\n' "$*"; "$@" 2>&1 | tail -n 2000; }
show dmesg
printf '\n== killed for memory\n'; dmesg 2>/dev/null | grep -iE 'out of memory|oom-kill|killed process'
if [ -x "$1/usr/bin/journalctl" ]; then show chroot "$1" journalctl --unit=kubelet --lines=2000 --no-pager; fi
for tool in /usr/bin/crictl /usr/local/bin/crictl; do
  if [ -x "$1$tool" ]; then show chroot "$1" "$tool" ps --all; fi
done
show cat "$1/proc/meminfo"; show cat "$1/proc/loadavg"
for file in cpu memory io; do [ -r "/proc/pressure/$file" ] && show cat "/proc/pressure/$file"; done
show df -P "$1"
show ps -o pid,ppid,stat,vsz,args
exit 0

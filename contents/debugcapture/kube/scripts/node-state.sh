# shellcheck shell=sh
# Shows the state of a node. $1 is the directory with the node's files. Each tool is the node's own and may be missing.
show() { printf '\n== %s\n' "$*"; "$@" 2>&1 | tail -n 2000; }
root=$1
journal() { [ -x "$root/usr/bin/journalctl" ] && chroot "$root" journalctl --no-pager "$@"; }
# Many distributions restrict dmesg (kernel.dmesg_restrict). The journal has the same messages, and they survive a reboot.
kernel() { dmesg || journal --dmesg --lines=20000; }
messages=$(kernel 2>&1)
printf '\n== kernel messages\n'; printf '%s\n' "$messages" | tail -n 2000
printf '\n== killed for memory\n'; printf '%s\n' "$messages" | grep -iE 'out of memory|oom-kill|killed process'
[ -x "$root/usr/bin/journalctl" ] && show journal --unit=kubelet --lines=2000
for tool in /usr/bin/crictl /usr/local/bin/crictl; do
  if [ -x "$1$tool" ]; then show chroot "$1" "$tool" ps --all; fi
done
show cat "$1/proc/meminfo"; show cat "$1/proc/loadavg"
for file in cpu memory io; do [ -r "/proc/pressure/$file" ] && show cat "/proc/pressure/$file"; done
show df -P "$1"
show ps -o pid,ppid,stat,vsz,args
exit 0

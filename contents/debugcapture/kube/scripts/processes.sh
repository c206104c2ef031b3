# shellcheck shell=sh
# Lists the visible processes, and which of the given programs the image has. It needs nothing but the shell.
# Values are printed with printf: the echo of some shells turns the \012 in the name of a mapped file into a line break,
# so that a container could add lines.
# $1 is the ID of the target's container; the other arguments are names of programs. Output lines:
#   HAS program                 the image has it
#   G self LIMIT USED CACHE     memory of the control group of this shell, in bytes; LIMIT may be "max" or "-" (unknown),
#                               CACHE is the part of USED that the kernel frees when memory is short
#   S pid                       this shell
#   OWN                         the first process is the debug container's: the target's processes are not shared
#   P pid uid gid rss-KiB name  a process; these lines may follow it:
#   T                           it is in the control group of the target
#   G pid LIMIT USED CACHE      memory of the control group of the target; after the first T only
#   F                           it is in a control group outside that of this shell
#   M file                      it maps this file
#   A                           it is a JVM whose options turn attach off
#   D KiB                       it is a .NET process with this much private memory that it can write to
container=$1
shift
# $1: "self" or a PID. $2: the folder with the files of its control group, of version 2 or 1.
memory() {
  limit=- used='' cache=0
  for folder in "$2" "$2/memory"; do
    for file in memory.max memory.limit_in_bytes; do [ -r "$folder/$file" ] && read -r limit <"$folder/$file"; done
    for file in memory.current memory.usage_in_bytes; do [ -r "$folder/$file" ] && read -r used <"$folder/$file"; done
    [ -r "$folder/memory.stat" ] || continue
    while read -r key value _; do
      case $key in inactive_file | total_inactive_file) cache=$value;; esac
    done <"$folder/memory.stat"
  done
  [ "$used" ] && printf 'G %s %s %s %s\n' "$1" "$limit" "$used" "$cache"
} 2>/dev/null
for program; do
  command -v "$program" >/dev/null && printf 'HAS %s\n' "$program"
done 2>/dev/null
memory self /sys/fs/cgroup
shown=
echo "S $$"
while read -r line || [ -n "$line" ]; do
  case $line in *run-tool*hold*/debug-capture-*.d*) echo OWN;; esac
done 2>/dev/null </proc/1/cmdline
for process in /proc/[0-9]*; do
  name=; uid=; gid=; rss=0
  while read -r key value rest; do
    case $key in Name:) name=$value;; Uid:) uid=$value;; Gid:) gid=$value;; VmRSS:) rss=$value; break;; esac
  done <"$process/status" || continue
  printf 'P %s %s %s %s %s\n' "${process#/proc/}" "$uid" "$gid" "$rss" "$name"
  # In its own cgroup namespace, which is usual on version 2, a container sees its own group as "/" without an ID, and
  # other groups as "/../…".
  mark=
  while read -r line; do
    case $line in *"$container"*) mark=T; break;; *:/.. | *:/../*) mark=F;; esac
  done <"$process/cgroup"
  [ "$mark" ] && echo "$mark"
  if [ "$mark" = T ] && [ ! "$shown" ]; then
    memory "${process#/proc/}" "$process/root/sys/fs/cgroup"
    shown=1
  fi
  # A node has thousands of foreign processes, and reading their maps takes long.
  [ "$mark" = F ] && [ "$container" != 'no container' ] && continue
  last='' options='' dotnet=
  while read -r _ _ _ _ _ file; do
    case $file in /*) [ "$file" = "$last" ] || { printf 'M %s\n' "$file"; last=$file; };; esac
    case $file in
      */libjvm.so) options="$process/cmdline $process/environ";;
      */libcoreclr.so | /memfd:doublemapper*) dotnet=1;;
    esac
  done <"$process/maps"
  [ "$dotnet" ] && while read -r key value _; do
    [ "$key" = VmData: ] && printf 'D %s\n' "$value" && break
  done <"$process/status"
  for file in $options; do
    while read -r line || [ -n "$line" ]; do
      case $line in *+DisableAttachMechanism*) echo A; break 2;; esac
    done <"$file"
  done
done 2>/dev/null
exit 0

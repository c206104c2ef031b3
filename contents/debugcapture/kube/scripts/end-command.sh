# shellcheck shell=sh
# Sends a signal to a command and to everything that it started, and prints the number of these processes.
# $1 is the signal, $2 the PID of the command, $3 its start time (proc(5), field 22), "" if unknown.
# The processes are its descendants and those of its session: the container runtime creates a session per exec, and a
# process whose parent has ended stays in it. A different process that has reused the PID gets no signal.
counted=
signal=$1
leader=$2
began=$3
fields() {
  stat=
  read -r stat 2>/dev/null <"/proc/$1/stat"
  [ "$stat" ]
}
if [ "$began" ] && fields "$leader"; then
  # shellcheck disable=SC2086 # the fields after the name
  set -- ${stat##*) }
  [ "${20}" = "$began" ] || { echo 0; exit 0; }
fi
found=" $leader "
count=0
again=1
while [ "$again" ]; do
  again=
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    case " $counted " in *" $pid "*) continue ;; esac
    fields "$pid" || continue
    # shellcheck disable=SC2086 # state, parent, group, session, …
    set -- ${stat##*) }
    case $1 in Z | X) continue ;; esac
    if [ "$pid" != "$leader" ] && [ "$4" != "$leader" ]; then
      case $found in *" $2 "*) ;; *) continue ;; esac
    fi
    found="$found$pid "
    counted="$counted $pid"
    count=$((count + 1))
    again=1
  done
done
# shellcheck disable=SC2086 # a list of numbers
[ "$counted" ] && kill "-$signal" $counted 2>/dev/null
echo "$count"

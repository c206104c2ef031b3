# shellcheck shell=sh
# First part of run.sh and fetch.sh, which run in the target's own image: a shell is all that can be counted on.
#
# The caller holds standard input. Its end says that the time is over, or that the caller has gone: then what was started
# here is ended. Without that a tool would run on, and what writes to a stream that nobody reads would wait for ever: the
# runtime keeps its end open.
#
# Every process that is started here is waited for here; what is not would be handed to the container's first process,
# which seldom waits: a zombie. Hence no `timeout`: that of busybox leaves a process behind.
#
# $1 is a word that the caller draws, so that no output can pass for the report.
nonce=$1
shift
exec 3>&1 4<&0 </dev/null
ending=
trap 'ending=1' TERM

# OpenSSL sums six times as fast as busybox, and the network waits for neither.
# shellcheck disable=SC2034 # the other part uses it
sum=
# shellcheck disable=SC2034
if openssl version >/dev/null 2>&1; then
  sum='openssl dgst -sha256 -r'
elif command -v sha256sum >/dev/null 2>&1; then
  sum=sha256sum
fi

# Sets $members to the processes of our group but for this shell and the watcher ($self), and $parents to their parents.
# In a stat file, state, parent and group follow the name, which may have blanks and parentheses.
scan() {
  members='' parents=''
  for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    pid=${line%% *}
    # shellcheck disable=SC2086 # it is to be split
    set -- ${line##*) }
    if [ "$3" = $$ ] && [ "$pid" != $$ ] && [ "$pid" != "$self" ]; then
      members="$members $pid" parents="$parents $2 "
    fi
  done 2>/dev/null
}

# Waits for the end of standard input; then ends all of our group, children before their parents: a parent that died first
# would not wait for its child. So a process is stopped, looked at again, since it may just have started another, and ended
# only where it has no child. A script starts its next command then, hence the rounds. The first ones ask, and leave a
# second to clear up. It runs no program but `sleep`, and no subshell: that would be one more process of the group.
watch() {
  trap '' TERM
  while read -r _; do :; done <&4
  kill -TERM $$
  read -r self _ </proc/self/stat
  signal=TERM round=0
  while [ "$round" -lt 40 ]; do
    scan
    [ "$members" ] || return 0
    childless=''
    for pid in $members; do
      case $parents in *" $pid "*) ;; *) kill -STOP "$pid" && childless="$childless $pid" ;; esac
    done 2>/dev/null
    scan
    for pid in $childless; do
      case $parents in *" $pid "*) ;; *) kill "-$signal" "$pid" ;; esac
      kill -CONT "$pid"
    done 2>/dev/null
    round=$((round + 1))
    if [ "$round" = 5 ]; then
      sleep 1
      signal=KILL
    fi
  done
  # A script that starts one command after the other without end.
  # shellcheck disable=SC2086 # these are PIDs
  kill -KILL $members 2>/dev/null
}

# Our own group only: the runtime gives each exec session one (runc and crun call setsid).
watcher=
own_group() {
  read -r line <"/proc/$$/stat" || return
  # shellcheck disable=SC2086 # it is to be split
  set -- ${line##*) }
  [ "$3" = $$ ]
}
if own_group 2>/dev/null; then
  watch &
  watcher=$!
fi

# Ends the watcher. Once it has begun to end others it is waited for: it has a child.
finish() {
  [ "$watcher" ] || return 0
  [ "$ending" ] || kill -KILL "$watcher"
  wait "$watcher" || wait "$watcher"
} 2>/dev/null

# $1: its exit code. $2: size in bytes, or nothing. $3: what the summing program wrote.
report() {
  printf '\ndebug-capture-end %s {"ended":"exited","code":%s%s,"sha256":"%s"}\n' \
    "$nonce" "$1" "${2:+,\"size\":$2}" "${3%%[!0-9a-f]*}" >&2
}

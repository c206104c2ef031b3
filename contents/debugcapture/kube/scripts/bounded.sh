# shellcheck shell=sh
# First part of run.sh and fetch.sh. They run in the target's image, which may contain nothing but a shell.
#
# The caller keeps standard input open. It closes when the time limit is over or the caller has ended; then this script
# stops what it has started. Otherwise a tool would continue, and a process that writes to a stream that nothing reads
# would wait forever, because the container runtime keeps the other end open.
#
# This script waits for each process that it starts. Otherwise the process would become a zombie: the container's first
# process adopts it, but seldom waits for it. For the same reason it does not use `timeout`: busybox `timeout` leaves a
# process behind.
#
# $1 is a random word of the caller, so that no output can be mistaken for the report.
nonce=$1
shift
# Variables that configure the application would also configure the tools: a second debugger on the same port, a second
# heap of the same size, an agent in jcmd, a library in front of each program.
unset JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS OPENJ9_JAVA_OPTIONS IBM_JAVA_OPTIONS NODE_OPTIONS \
  PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PYTHONWARNINGS PYTHONPROFILEIMPORTTIME RUBYOPT RUBYLIB PERL5OPT \
  PERL5LIB DOTNET_STARTUP_HOOKS DOTNET_DiagnosticPorts CORECLR_ENABLE_PROFILING LD_PRELOAD LD_AUDIT BASH_ENV ENV
exec 3>&1 4<&0 </dev/null
ending=
trap 'ending=1' TERM

# OpenSSL computes checksums six times as fast as busybox.
# shellcheck disable=SC2034 # the other part uses it
sum=
# shellcheck disable=SC2034
if openssl version >/dev/null 2>&1; then
  sum='openssl dgst -sha256 -r'
elif command -v sha256sum >/dev/null 2>&1; then
  sum=sha256sum
fi

# Sets $members to the processes of this process group except this shell and the watcher ($self), and $parents to their
# parents. In a stat file, state, parent and group follow the name, which may contain spaces and parentheses.
scan() {
  members='' parents=''
  for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    pid=${line%% *}
    # shellcheck disable=SC2086 # word splitting is intended
    set -- ${line##*) }
    if [ "$3" = $$ ] && [ "$pid" != $$ ] && [ "$pid" != "$self" ]; then
      members="$members $pid" parents="$parents $2 "
    fi
  done 2>/dev/null
}

# Waits until standard input closes, then ends the process group, children before parents: a parent that dies first would
# not wait for its child. Each process is paused and checked again, because it may have started another one, and ended
# only if it has no child. A script then starts its next command, so this takes several rounds. The first rounds send
# SIGTERM and leave a second to clean up. Later rounds pause too, because a node under load needs time to end a process.
# The only program that runs here is `sleep`, and there is no subshell, because each would be another process of the group.
watch() {
  trap '' TERM
  while read -r _; do :; done <&4
  kill -TERM $$
  read -r self _ </proc/self/stat
  signal=TERM round=0
  while [ "$round" -lt 400 ]; do
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
    case $round in
      5)
        sleep 1
        signal=KILL
        ;;
      *[05]0) sleep 1 ;;
    esac
  done
  # This is a script that starts one command after another forever.
  # shellcheck disable=SC2086 # PIDs
  kill -KILL $members 2>/dev/null
}

# Only if this shell leads its group: the runtime creates a group per exec session (runc and crun call setsid).
watcher=
own_group() {
  read -r line <"/proc/$$/stat" || return
  # shellcheck disable=SC2086 # word splitting is intended
  set -- ${line##*) }
  [ "$3" = $$ ]
}
if own_group 2>/dev/null; then
  watch &
  watcher=$!
fi

# Ends the watcher. If it is already ending other processes, waits for it, because it has a child.
finish() {
  [ "$watcher" ] || return 0
  [ "$ending" ] || kill -KILL "$watcher"
  wait "$watcher" || wait "$watcher"
} 2>/dev/null

# $1: exit code. $2: size in bytes, or "". $3: output of the checksum program.
report() {
  printf '\ndebug-capture-end %s {"ended":"exited","code":%s%s,"sha256":"%s"}\n' \
    "$nonce" "$1" "${2:+,\"size\":$2}" "${3%%[!0-9a-f]*}" >&2
}

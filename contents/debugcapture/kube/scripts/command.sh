# shellcheck shell=sh
# Runs a command of an operator. It first writes the PID to standard error, so that the command can be stopped.
# $1 is a random word of the caller; the argv of the command follows.
# If the program does not exist, nothing is written: the caller then runs it without a shell to get the better error.
nonce=$1
shift
# The container runtime searches PATH. A shell prefers its builtins, which are half of the tools in some images.
program=
case $(command -v "$1" 2>/dev/null) in
  */*) ;;
  *)
    IFS=:
    for folder in $PATH; do
      if [ ! "$program" ] && [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then program=$folder/$1; fi
    done
    unset IFS
    [ "$program" ] || exit 127
    ;;
esac
began() {
  read -r stat </proc/$$/stat || return
  # shellcheck disable=SC2086 # the fields of proc(5) after the name
  set -- ${stat##*) }
  echo "${20}"
}
echo "debug-capture-command $nonce $$ $(began 2>/dev/null)" >&2
# Variables that a shell adds. The command gets the environment of the container runtime.
unset PWD OLDPWD SHLVL
[ "$program" ] || exec "$@"
shift
exec "$program" "$@"

# shellcheck shell=sh
# Runs a command of an operator, after one line on standard error: which process it is, so that it can be ended.
# $1 is a word that nobody else knows, then the command's argv.
# Without the program nothing is said: the caller then asks the runtime, whose error tells more.
nonce=$1
shift
# The runtime looks in PATH. A shell prefers what is built into it, in some images half of the tools.
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
  # shellcheck disable=SC2086 # the fields of proc(5), behind the name
  set -- ${stat##*) }
  echo "${20}"
}
echo "debug-capture-command $nonce $$ $(began 2>/dev/null)" >&2
# What a shell adds to the environment; the command sees what the runtime gives it.
unset PWD OLDPWD SHLVL
[ "$program" ] || exec "$@"
shift
exec "$program" "$@"

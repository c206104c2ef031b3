# shellcheck shell=sh disable=SC2154 # $sum and the functions are those of bounded.sh
# Runs a tool, whose argv follows, and says how it ended. Where no program sums, it is not summed.
if [ "$sum" ] && command -v tee >/dev/null 2>&1 && [ -w /dev/fd/3 ]; then
  # The exit code and the sum come out of the pipeline by descriptor 5.
  ended=$(
    {
      {
        "$@" 4<&- 5>&-
        echo "$?" >&5
      } | tee /dev/fd/3 | $sum >&5
    } 5>&1
  )
  # shellcheck disable=SC2086 # code, sum and the rest of its line
  set -- $ended
  report "$1" "" "$2"
else
  "$@" 4<&-
  report "$?" "" ""
fi
finish
exit 0

# shellcheck shell=sh disable=SC2154 # $sum and the functions are those of bounded.sh
# Runs a tool, whose argv follows, and reports how it ended, with a checksum of its output if the image can compute one.
if [ "$sum" ] && command -v tee >/dev/null 2>&1 && [ -w /dev/fd/3 ]; then
  # Descriptor 5 carries the exit code and the checksum out of the pipeline.
  ended=$(
    {
      {
        "$@" 4<&- 5>&-
        echo "$?" >&5
      } | tee /dev/fd/3 | $sum >&5
    } 5>&1
  )
  # shellcheck disable=SC2086 # exit code, checksum, rest of the line
  set -- $ended
  report "$1" "" "$2"
else
  "$@" 4<&-
  report "$?" "" ""
fi
finish
exit 0

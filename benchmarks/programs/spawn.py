"""Run a program and measure it: `python -I -S spawn.py REPORT OUTPUT PROGRAM ARGUMENT…`.

Until a child executes its program, the kernel counts the memory of the parent as peak memory of the child. This file
therefore imports almost nothing, so that it is smaller than any measured program.
"""

import os
import sys
import time

report, output, *command = sys.argv[1:]
write_output = (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
start = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, file_actions=[write_output])
_, status, usage = os.wait4(child, 0)
wall_s = time.perf_counter() - start
with open(report, "w") as file:  # noqa: PTH123 - pathlib would be a third of this program's memory
    print(wall_s, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), file=file)

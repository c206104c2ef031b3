"""Run a program and report how it did: `python -I -S spawn.py REPORT OUTPUT PROGRAM ARGUMENT…`.

The kernel counts a parent's memory into the peak of the child that it spawns, until the child's program takes its
place. So the parent has to be smaller than anything that is measured: this file imports next to nothing.
"""

import os
import sys
import time

report, output, *command = sys.argv[1:]
write_output = (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
began = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, file_actions=[write_output])
_, status, usage = os.wait4(child, 0)
took_s = time.perf_counter() - began
with open(report, "w") as file:  # noqa: PTH123 - pathlib would be a third of this program's memory
    print(took_s, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), file=file)

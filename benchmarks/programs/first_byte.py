"""Run a command until its first byte arrives, then end it: `first_byte.py COMMAND ARGUMENT…`."""

import subprocess
import sys

process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
assert process.stdout
first = process.stdout.read(1)
sys.stdout.buffer.write(first)
process.kill()
process.wait()
sys.exit(0 if first else 1)

"""Run a command until it prints a byte, print the byte, and stop: `first_byte.py COMMAND ARGUMENT…`."""

import subprocess
import sys

with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as process:
    first = process.stdout.read(1) if process.stdout else b""
    sys.stdout.buffer.write(first)
    process.kill()
sys.exit(0 if first else 1)

"""Two workers want one inventory; with the argument "crash" it reads a null pointer instead."""

import ctypes
import faulthandler
import sys
import threading
import time
from pathlib import Path

inventory = threading.Lock()


def reserve_inventory() -> None:
    """The first one in never leaves."""
    with inventory:
        while True:
            time.sleep(1)


if sys.argv[1:] == ["crash"]:
    with Path("/var/crash/faulthandler.log").open("w") as log:
        faulthandler.enable(log)
        ctypes.string_at(0)
for name in ("worker-1", "worker-2"):
    threading.Thread(target=reserve_inventory, name=name).start()
print("service: ready", flush=True)

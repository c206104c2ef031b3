"""Store a file as a step does: settings as a JSON file, key, file, its SHA-256."""

import json
import sys
from pathlib import Path

from debugcapture.settings import StoreSettings
from debugcapture.stores.store import open_store

settings, key, file, sha256 = sys.argv[1:]
stored = open_store(StoreSettings(**json.loads(Path(settings).read_text()))).put(key, Path(file), sha256)
print(stored.bytes, stored.sha256)

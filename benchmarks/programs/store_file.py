"""Upload a file as a step does: settings (a JSON file), key, file, SHA-256 of the file."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from debugcapture.settings.declare import read
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.registry import open_store


@dataclass(frozen=True, kw_only=True)
class Step:
    """The settings of the store."""

    store: StoreSettings


settings_json, key, file, sha256 = sys.argv[1:]
settings = {name: str(value) for name, value in json.loads(Path(settings_json).read_text()).items()}
stored = open_store(read(Step, settings).store).put(key, Path(file), sha256)
print(stored.bytes, stored.sha256)

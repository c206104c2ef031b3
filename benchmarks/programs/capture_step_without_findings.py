"""Run the capture step as capture_step.py does, but without findings and without loading a parser."""

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType

from debugcapture.picture import Pictures


class _Explain(ModuleType):
    """Replaces the module that explains a bundle."""

    @staticmethod
    def explain_bundle(*_: object) -> tuple[tuple[()], Pictures]:
        """Return neither findings nor pictures."""
        return (), Pictures()


sys.modules["debugcapture.findings.explain"] = _Explain("explain")
settings = dict(word.split("=", 1) for word in sys.argv[1:])
os.environ.update({f"RD_CONFIG_{name.upper()}": value for name, value in settings.items()})
runpy.run_path(str(Path(__file__).parents[2] / "contents" / "k8s-debug-capture.py"), run_name="__main__")

"""The first code of every step, which any Python 3 can read. It reports what is missing, and then starts the step."""

import gc
import os
import sys

LEAST = (3, 10)
CHANGED = "DEBUG_CAPTURE_INTERPRETER"
HERE = os.path.dirname(os.path.abspath(__file__))


def run(provider, interpreter=""):  # type: ignore[no-untyped-def]  # an annotation might not be understood
    """Run the plugin ``provider`` and end the process with its exit code; with ``interpreter`` where that is given."""
    if interpreter and os.environ.get(CHANGED) != interpreter:
        os.environ[CHANGED] = interpreter
        isolated = ["-IS"] if os.path.isdir(os.path.join(HERE, "lib")) else []
        try:
            os.execvp(interpreter, [interpreter] + isolated + sys.argv)  # noqa: S606 - a shell is what we avoid
        except OSError as error:
            sys.exit("Error: cannot run %s: %s. Set the interpreter." % (interpreter, error))
    if sys.version_info < LEAST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            "Error: Python 3.10 or later is required, but %s is %s. Set the interpreter." % (sys.executable, version)
        )
    gc.disable()  # until the modules are loaded, which live as long as the process
    bundled = os.path.join(HERE, "lib")
    if os.path.isdir(bundled):
        sys.path.insert(0, bundled)
    try:
        from debugcapture.rundeck import main
    except ImportError as error:
        package = error.name or str(error)
        advice = "Install the plugin's requirements.lock, or use the bundled plugin."
        sys.exit("Error: %s has no package %s. %s" % (sys.executable, package, advice))
    code = main(provider)
    gc.freeze()  # or the end of the process would look at each object of each module several times
    sys.exit(code)

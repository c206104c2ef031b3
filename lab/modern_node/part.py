"""The ``modern-node`` part. It only starts if it is named, because an emulated machine uses a whole processor."""

import shutil
from pathlib import Path

from lab.kubernetes import images, layout, runtime_images
from lab.kubernetes.cluster import connect, node_is_ready
from lab.kubernetes.endpoint import external_kubeconfig
from lab.kubernetes.workloads import RunningContainers, unready, wait_for_all
from lab.modern_node import machine, packages, workloads
from lab.modern_node.names import NAMESPACE, NODE, PART
from lab.part import LabError
from lab.paths import part_dir
from lab.process import wait_until
from lab.progress import Progress

_START_S = 900  # on a busy machine
_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "kubelet")


class ModernNodePart:
    """A virtual machine that joins the cluster of the lab, and only runs workloads of this part."""

    name = PART
    needs: tuple[str, ...] = (layout.PART,)

    def up(self, progress: Progress) -> None:
        """Create the disk, start the machine, and wait for its workloads."""
        if external_kubeconfig():
            raise LabError("modern-node needs the lab's own cluster; unset DEBUG_CAPTURE_KUBECONFIG")
        recipes = [
            recipe for recipe in (*images.recipes(), *runtime_images.recipes()) if recipe.name in workloads.IMAGES
        ]
        images.ensure_built(recipes, progress)
        root, emulator = packages.guest_root(progress), packages.emulator_root(progress)
        with progress.stage(self.name, "making the disk"):
            programs = [(layout.bin_dir() / name).resolve() for name in _PROGRAMS]
            drive = machine.disk(root, programs, [recipe.file() for recipe in recipes])
        qemu = machine.process(root, emulator, drive)
        qemu.ensure_running()
        kubectl = connect()
        with progress.stage(self.name, "waiting for the node"):
            wait_until("the node", lambda: node_is_ready(kubectl, NODE) or not qemu.running(), _START_S, qemu.log)
        if not qemu.running():
            raise LabError(f"the virtual machine ended; end of {qemu.log}:\n{qemu.last_lines()}")
        with progress.stage(self.name, "workloads on the node"):
            workloads.apply(kubectl, {recipe.name: recipe.key() for recipe in recipes})
            wait_for_all(kubectl, RunningContainers(), workloads.EXPECTED, _START_S)

    def down(self) -> None:
        """Stop the machine, then delete the node and everything that was on it."""
        machine.last_process().stop()
        if _leaves_objects():
            kubectl = connect()
            workloads.delete(kubectl)
            wait_until(f"the end of namespace {NAMESPACE}", lambda: not _leaves_objects(), timeout_s=60)

    def status(self) -> str:
        """Return the state of the machine, and of its workloads if it runs."""
        if not machine.last_process().running():
            return "down"
        try:
            missing = unready(connect(), RunningContainers(), workloads.EXPECTED)
        except LabError as error:
            return f"broken: {error}"
        return f"broken: {', '.join(missing)} not as they should be" if missing else "up"

    def logs(self) -> list[Path]:
        """Return the console of the machine."""
        return [machine.last_process().log]

    def reset(self) -> None:
        """Delete the disk."""
        shutil.rmtree(part_dir(PART))


def _leaves_objects() -> bool:
    if external_kubeconfig():
        return False
    try:
        kubectl = connect()
    except LabError:  # no cluster was ever started
        return False
    return kubectl.succeeds("get", "namespace", NAMESPACE) or kubectl.succeeds("get", "node", NODE)

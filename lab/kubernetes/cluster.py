"""The ``kubernetes`` part: starts the cluster in stages, and removes everything that it created."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.kubernetes import config, images, layout, machine, pki, workloads
from lab.kubernetes.daemons import Daemons, Programs, daemons, ensure_runtime
from lab.kubernetes.endpoint import EXTERNAL_VARIABLE, endpoint, external_kubeconfig
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.workloads import RunningContainers
from lab.part import LabError
from lab.prerequisites import GoTool, build_go_tools
from lab.process import Process, wait_until
from lab.progress import Progress

_KUBECTL = GoTool("k8s.io/kubernetes/cmd/kubectl", "kubectl")
_PROGRAMS = (
    _KUBECTL,
    GoTool("go.etcd.io/etcd/server/v3", "etcd"),
    GoTool("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
    GoTool("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
    GoTool("k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
    GoTool("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
)
_CONTAINERD = tuple(
    GoTool(f"github.com/containerd/containerd/v2/cmd/{name}", name)
    for name in ("containerd", "containerd-shim-runc-v2", "ctr")
)
_LDFLAGS = f"-s -w -X k8s.io/component-base/version.gitVersion={layout.VERSION}"


class KubernetesPart:
    """A cluster with one node, or only the workloads if the environment names another cluster."""

    name = layout.PART
    needs: tuple[str, ...] = ()

    def up(self, progress: Progress) -> None:
        """Start or repair the cluster."""
        if external_kubeconfig():
            self._use_external(progress)
        else:
            self._start(progress)

    def down(self) -> None:
        """Stop the cluster. The kubelet stops first, because it would restart the pods."""
        if external_kubeconfig():
            return
        for daemon in reversed(_last_daemons().in_order()):
            daemon.process.stop()
        machine.restore()

    def status(self) -> str:
        """Return the state of the daemons and then of the workloads."""
        if external_kubeconfig():
            return self._workloads_status()
        stopped = [daemon.purpose for daemon in _last_daemons().in_order() if not daemon.process.running()]
        if len(stopped) == len(_last_daemons().in_order()):
            return "down"
        if stopped:
            return f"broken: {', '.join(stopped)} not running; ./build.sh lab up kubernetes"
        return self._workloads_status()

    def logs(self) -> list[Path]:
        """Return the log of each daemon."""
        return [daemon.process.log for daemon in reversed(_last_daemons().in_order())]

    def reset(self) -> None:
        """Delete objects, keys and containers. The images stay in the cache."""
        shutil.rmtree(layout.root(), ignore_errors=True)

    def _start(self, progress: Progress) -> None:
        if os.geteuid() != 0:
            raise LabError(f"the lab's Kubernetes needs root; or name another cluster: {EXTERNAL_VARIABLE}=…")
        ensure_runtime()
        recipes = images.recipes()
        programs = _prepare(recipes, progress)
        self._end_former_lab()
        machine.remember()
        pki.ensure_pki()
        config.write_all()
        _link_programs(programs.kubernetes, programs.containerd)
        running = daemons(programs)
        with progress.stage(self.name, "starting the daemons"):
            _start_daemons(running)
        images.ensure_imported(recipes, progress)
        with progress.stage(self.name, "waiting for the node"):
            _start_kubelet(running)
        self._run_workloads(progress, _LocalContainers())

    def _end_former_lab(self) -> None:
        """End a lab that ran Debian's containerd 1: this one cannot use its pods and its folders."""
        if layout.bin_dir().is_symlink():
            self.down()
            layout.bin_dir().unlink()
            shutil.rmtree(layout.containerd_dir(), ignore_errors=True)

    def _use_external(self, progress: Progress) -> None:
        progress.note(self.name, f"using {external_kubeconfig()}: its nodes must have the images lab.local/*:1")
        if shutil.which("kubectl") is None:
            _link_programs(build_go_tools(self.name, "kubernetes", [_KUBECTL], progress, ldflags=_LDFLAGS))
        self._run_workloads(progress, RunningContainers())

    def _run_workloads(self, progress: Progress, containers: RunningContainers) -> None:
        kubectl = connect()
        workloads.make_account(kubectl)
        workloads.renew_token(kubectl, endpoint().capture_token_file)
        with progress.stage(self.name, "sample workloads"):
            workloads.apply(kubectl)
            workloads.replace_full_pods(kubectl, workloads.NAMESPACE)
            workloads.wait_for_all(kubectl, containers, workloads.SHOP)

    def _workloads_status(self) -> str:
        try:
            missing = workloads.unready(connect(), RunningContainers())
        except LabError as error:
            return f"broken: {error}"
        return f"broken: {', '.join(missing)} not as they should be" if missing else "up"


class _LocalContainers(RunningContainers):
    """Ask containerd, because the status of a pod is out of date after a container was killed."""

    def __contains__(self, container_id: str) -> bool:
        tasks = images.ctr("tasks", "list").splitlines()
        return any(
            line.split()[0] == container_id.removeprefix("containerd://") and "RUNNING" in line for line in tasks
        )


def connect() -> Kubectl:
    """Return kubectl with the permissions of the administrator."""
    cluster = endpoint()
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


def _last_daemons() -> Daemons:
    """Return the daemons of the last ``up``, even if the programs have changed since then."""
    return daemons(Programs(layout.bin_dir(), layout.bin_dir()))


def _prepare(recipes: tuple[images.Recipe, ...], progress: Progress) -> Programs:
    """Prepare programs and images in parallel, because image builds mostly wait."""
    with ThreadPoolExecutor(1) as pool:
        built = pool.submit(images.ensure_built, recipes, progress)
        programs = Programs(
            build_go_tools(layout.PART, "kubernetes", _PROGRAMS, progress, ldflags=_LDFLAGS),
            build_go_tools(layout.PART, "containerd", _CONTAINERD, progress),
        )
        built.result()
    return programs


def _link_programs(*folders: Path) -> None:
    links = layout.bin_dir()
    links.mkdir(exist_ok=True)
    for program in (file for folder in folders for file in folder.iterdir()):
        link, unfinished = links / program.name, links / f".{program.name}"
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(program)
        unfinished.replace(link)


def _start_daemons(running: Daemons) -> None:
    running.containerd.start()
    running.etcd.start()
    running.apiserver.start()
    _wait("containerd", running.containerd.process, _containerd_responds)
    kubectl = connect()
    _wait("the API server", running.apiserver.process, lambda: kubectl.succeeds("get", "--raw=/readyz"))
    running.controller_manager.start()
    running.scheduler.start()


def _containerd_responds() -> bool:
    """Return whether containerd accepts requests. Its socket alone may be that of a process that was killed."""
    try:
        images.ctr("version")
    except LabError:
        return False
    return True


def _start_kubelet(running: Daemons) -> None:
    kubectl = connect()
    running.kubelet.start()
    _wait("the node", running.kubelet.process, lambda: node_is_ready(kubectl, layout.NODE))


def _wait(subject: str, process: Process, ready: Callable[[], bool]) -> None:
    wait_until(subject, lambda: ready() or not process.running(), 90, process.log)
    if not process.running():
        raise LabError(f"{subject}: {process.name} ended; see ./build.sh lab logs kubernetes\n{process.last_lines()}")


def node_is_ready(kubectl: Kubectl, node: str) -> bool:
    """Return whether the node exists and its kubelet reports that it is ready."""
    output = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "nodes", node, "--ignore-not-found", f"--output={output}") == "True"

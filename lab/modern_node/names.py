"""Names and addresses on which the virtual machine, the cluster and the workloads agree."""

PART = "modern-node"
NAMESPACE = "modern"
# The API server connects to this address. It is the name of the node, because the other node is called localhost.
NODE = "127.0.0.1"
TAINT = "lab.local/modern-node"
RUNTIMES = ("runc", "crun")
KUBELET_PORT = 16252

# QEMU's user network. Only connections to the API server and to the port of the kubelet pass through it.
GUEST_ADDRESS = "10.0.2.15"
API_ADDRESS = "10.0.2.100"
API_NAME = "kubernetes"  # a name in the API server's certificate

"""Rules about Java threads that wait for the network."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import LIBRARIES, JavaThread, ThreadDumps
from .jvm_activity import activity_of, by_stack, frames_text, io_call, is_infrastructure, names

_MIN_READERS: Final = 3
_DEPTH: Final = 15
_SEEDS: Final = (
    "SeedGenerator.getSeedBytes",
    "SeedGenerator$URLSeedGenerator.getSeedBytes",
    "SeedGenerator$ThreadedSeedGenerator.getSeedByte",
    "NativePRNG$RandomIO.readFully",
    "NativePRNG$Blocking.engineGenerateSeed",
)
_READER_NAME: Final = re.compile(
    r"(?i)reader|receiver|listener|acceptor|subscriber|consumer|heartbeat|readloop|readthread|pumper|incoming|remoting|"
    r"replication|connection ?(?:thread|handler|worker)|session|clienthandler"
)
# Threads whose work is to read from a connection all the time: they wait for data as long as nothing happens.
_READERS: Final = (
    "com.sun.jndi.ldap.Connection.run",
    "sun.rmi.transport.tcp.TCPTransport.handleMessages",
    "com.rabbitmq.client.impl.AMQConnection$MainLoop.run",
    "org.apache.activemq.transport.tcp.TcpTransport.run",
    "redis.clients.jedis.JedisPubSub.process",
    "com.github.shyiko.mysql.binlog.BinaryLogClient.listenForEventPackets",
    "com.intellij.rt.execution.application.AppMainV2$1.run",
    "org.apache.tomcat.util.net.JIoEndpoint$SocketProcessor.run",
    "parseRequestLine",
    "readRequestLine",
    "sun.tools.attach.",
    "com.ibm.mq.jmqi.remote",
    "org.postgresql.replication.",
    "okhttp3.internal.http2.Http2Connection$ReaderRunnable",
    "org.java_websocket.",
    "org.bouncycastle.tls",
    "com.jcraft.jsch.Session.run",
    "net.schmizz.sshj.transport.Reader.run",
    "org.h2.server.",
    "org.hsqldb.server.",
    "com.mongodb.internal.connection.DefaultServerMonitor",
    "org.apache.maven.surefire.",
    "worker.org.gradle.",
    "org.gradle.",
    "javax.management.remote.",
)


def java_connecting(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads are opening a network connection. A connection that takes long points to an address that does not answer.

    Packets that a firewall or a NetworkPolicy drops let a connection wait until its timeout; without a timeout this
    takes minutes. Source: Java SE API, java.net.Socket.connect.
    """
    threads = [
        thread
        for thread in dumps.last.java_threads
        if activity_of(thread) == "connects" and not is_infrastructure(thread)
    ]
    threads = [thread for thread in threads if not thread.is_virtual]
    if not threads:
        return
    first = next((thread for thread in threads if thread.name == "main"), threads[0])
    stays = any(activity_of(other) == "connects" for other in dumps.same(first))
    serious = first.name == "main" or len(threads) > 1 or stays
    yield Finding(
        "warning" if serious else "info",
        f"{names(threads)} {'waits' if len(threads) == 1 else 'wait'} for a network connection to open",
        f"{first.label} is in {io_call(first)}, called from {', '.join(_callers(first))}.",
        "Check that the address answers: DNS, NetworkPolicy, firewall, proxy. Set a connect timeout.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in threads[:3]),
        directness=68,
        key=f"connect {first.caller.call if first.caller else ''}",
    )


def java_resolving(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads wait for the resolution of a host name: the DNS server is slow or does not answer.

    Source: JDK, InetAddress calls the resolver of the C library, which tries each server for 5 s by default;
    resolv.conf(5).
    """
    threads = [thread for thread in dumps.last.java_threads if activity_of(thread) == "resolves"]
    if not threads:
        return
    first = threads[0]
    stays = any(activity_of(other) == "resolves" for other in dumps.same(first))
    yield Finding(
        "warning" if len(threads) > 1 or stays or first.name == "main" else "info",
        f"{names(threads)} {'waits' if len(threads) == 1 else 'wait'} for DNS",
        f"{first.label} is in {io_call(first)}, called from {', '.join(_callers(first))}.",
        "Check the DNS of the pod: /etc/resolv.conf, CoreDNS, NetworkPolicy for port 53.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in threads[:3]),
        directness=68,
        key="dns",
    )


def java_reading(dumps: ThreadDumps) -> Iterator[Finding]:
    """Several threads wait at the same place for data from a socket: the other side does not answer or is slow.

    The state of such a thread is RUNNABLE, although it uses no CPU. Threads that always read from a connection, such as
    the receiving thread of a message broker's client, are left out. Source: Java SE API, java.net.Socket.setSoTimeout.
    """
    reading = [
        thread
        for thread in dumps.last.java_threads
        if activity_of(thread) == "reads" and not is_infrastructure(thread) and not _is_reader(thread) and thread.caller
    ]
    for group in by_stack(reading)[:2]:
        first = group[0]
        if len(group) < _MIN_READERS:
            return
        cpu = [thread.cpu_s for thread in group if thread.cpu_s is not None]
        used = (
            f" They used {sum(cpu):.2f} s of CPU in total, so they do not compute."
            if cpu and sum(cpu) < len(cpu)
            else ""
        )
        yield Finding(
            "warning",
            f"{len(group)} threads wait for data from a socket at the same place",
            f"{names(group)} are in {io_call(first)}, called from {', '.join(_callers(first))}. The other side has not "
            f"answered.{used}",
            "Look at the service that they call. Set a read timeout.",
            tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in group[:3]),
            directness=64,
            key=f"read {first.caller.call if first.caller else ''}",
        )


def java_entropy(dumps: ThreadDumps) -> Iterator[Finding]:
    """A thread waits for random numbers of the system: it reads /dev/random, which blocks on old kernels.

    Source: random(4); https://docs.oracle.com/en/java/javase/21/security/oracle-providers.html, "securerandom.source".
    """
    for thread in dumps.last.java_threads:
        frame = thread.frame_of(_SEEDS, _DEPTH)
        if frame is None or thread.top is None or thread.top.method not in ("readBytes", "read", "read0"):
            continue
        yield Finding(
            "warning",
            f"{thread.label} waits for random numbers of the system",
            f"{thread.label} is in {frame.call}({frame.place}), called from {', '.join(_callers(thread))}.",
            "Set -Djava.security.egd=file:/dev/urandom, or use a newer kernel.",
            (dumps.quote_thread(thread, *frames_text(thread, 4)),),
            directness=67,
            key="entropy",
        )
        return


def _is_reader(thread: JavaThread) -> bool:
    """Return whether the thread only reads: known clients, and threads whose name or root says so."""
    if any(part in frame.call for frame in thread.frames for part in _READERS):
        return True
    own = [frame for frame in thread.frames if not frame.call.startswith(LIBRARIES)]
    roots = (thread.name, *(frame.type_name.rpartition(".")[2] for frame in own[-3:]))
    return any(_READER_NAME.search(name) for name in roots)


def _callers(thread: JavaThread) -> list[str]:
    """Return the frames that say what the connection is for: of different packages, the innermost first."""
    calls: dict[str, str] = {}
    for frame in thread.frames:
        package = frame.type_name.rpartition(".")[0]
        if not frame.call.startswith(LIBRARIES):
            calls.setdefault(package, f"{frame.call}({frame.place})")
    groups = list(calls.values())
    return groups[:4] or [str(thread.top)]

"""Rules about exhausted pools of Java threads and connections."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import JavaThread, ThreadDump, ThreadDumps
from .jvm_activity import (
    PUTS,
    activity_of,
    by_pool,
    by_stack,
    describe,
    frames_text,
    is_idle,
    is_infrastructure,
    names,
    state_of,
)

_MIN_WAITERS: Final = 3
_MIN_POOL: Final = 4
_DEEP: Final = 20  # frames of a thread that answers a request; one that waits for a request has fewer
# The threads that answer requests: Tomcat, Jetty, Undertow, WildFly, Quarkus, Vert.x, gRPC, WebLogic, WebSphere, …
_REQUEST_POOL: Final = re.compile(
    r".*(?:https?-|ajp-).*exec-?\*|(?:catalina|tomcat)-exec-\*|qtp.*\*|XNIO-\d+ task-\*|default task-\*|exec-\*|"
    r"executor-thread-\*|grpc-default-executor-\*|vert\.x-worker-thread-\*|http-(?:worker|thread-pool|listener).*\*|"
    r"\[ACTIVE\] ExecuteThread.*|WebContainer : \*|Default Executor-thread-\*|dw-\*.*|(?:web|http|worker|request)-\*|"
    r".*dispatcher-\*|jetty.*\*|undertow.*task-\*|io-executor-thread-\*|boundedElastic-\*|helidon.*\*"
)
_BORROW: Final[tuple[tuple[str, str], ...]] = (
    ("com.zaxxer.hikari.pool.HikariPool.getConnection", "HikariCP (database connections)"),
    ("ConcurrentBag.borrow", "HikariCP (database connections)"),
    ("org.apache.tomcat.jdbc.pool.ConnectionPool.borrowConnection", "Tomcat JDBC (database connections)"),
    ("dbcp2.PoolingDataSource.getConnection", "Commons DBCP (database connections)"),
    ("dbcp.PoolingDataSource.getConnection", "Commons DBCP (database connections)"),
    ("BasicResourcePool.awaitAvailable", "c3p0 (database connections)"),
    ("BasicResourcePool.checkoutResource", "c3p0 (database connections)"),
    ("DruidDataSource.takeLast", "Druid (database connections)"),
    ("DruidDataSource.pollLast", "Druid (database connections)"),
    ("agroal.pool.ConnectionPool.handlerFromSharedCache", "Agroal (database connections)"),
    ("agroal.pool.ConnectionPool.getConnection", "Agroal (database connections)"),
    ("ManagedConnectionPool.getConnection", "IronJacamar (database connections)"),
    ("vibur.objectpool.ConcurrentPool.tryTake", "Vibur (database connections)"),
    ("oracle.ucp.common.UniversalConnectionPoolBase.borrowConnection", "Oracle UCP (database connections)"),
    ("com.ibm.ejs.j2c.FreePool.queueRequest", "WebSphere (connections)"),
    ("AbstractConnPool.getPoolEntryBlocking", "Apache HttpClient (HTTP connections)"),
    ("PoolingHttpClientConnectionManager.leaseConnection", "Apache HttpClient (HTTP connections)"),
    ("StrictConnPool.lease", "Apache HttpClient (HTTP connections)"),
    ("MultiThreadedHttpConnectionManager.doGetConnection", "Commons HttpClient (HTTP connections)"),
    ("internal.connection.ConcurrentPool.get", "MongoDB driver (connections)"),
    ("com.mongodb.internal.connection.DefaultConnectionPool.get", "MongoDB driver (connections)"),
    ("jedis.util.Pool.getResource", "Jedis (Redis connections)"),
    ("JedisPool.getResource", "Jedis (Redis connections)"),
    ("org.apache.commons.pool2.impl.GenericObjectPool.borrowObject", "Commons Pool"),
    ("org.apache.commons.pool2.impl.GenericKeyedObjectPool.borrowObject", "Commons Pool"),
    ("org.apache.commons.pool.impl.GenericObjectPool.borrowObject", "Commons Pool"),
    ("com.sun.jndi.ldap.pool.Connections.get", "LDAP connections"),
    ("ejb3.pool.strictmax.StrictMaxPool.get", "EJB instances"),
    ("stormpot.BlazePool.claim", "Stormpot"),
)
_BORROW_CALLS: Final = tuple(call for call, _ in _BORROW)
_DATABASE: Final = (
    "org.postgresql.",
    "com.mysql.",
    "org.mariadb.",
    "oracle.jdbc.",
    "com.microsoft.sqlserver.",
    "org.h2.",
    "com.ibm.db2.",
    "org.hsqldb.",
    "oracle.net.",
)


def java_connection_pool_exhausted(dumps: ThreadDumps) -> Iterator[Finding]:
    """Several threads wait until a pool returns a connection: all its connections are in use.

    Either threads keep their connections for too long, which the dump shows, or connections are not returned, or the
    pool is too small. Source: the methods in which HikariCP, Tomcat JDBC, DBCP, c3p0, Druid, Agroal, Apache HttpClient
    and others wait; https://github.com/brettwooldridge/HikariCP/wiki/About-Pool-Sizing.
    """
    dump = dumps.last
    groups: dict[str, list[JavaThread]] = {}
    for thread in dump.java_threads:
        if pool := _borrows_from(thread):
            groups.setdefault(pool, []).append(thread)
    for pool, waiters in groups.items():
        if len(waiters) < _MIN_WAITERS and len(waiters) < len(_workers_of(dump, waiters)):
            continue
        if len(waiters) >= 2:
            yield _report_exhausted(dumps, pool, waiters)


def java_worker_pool_busy(dumps: ThreadDumps) -> Iterator[Finding]:
    """All threads that answer requests are at the same place, and none is free: new requests wait.

    Source: comparison of the stacks by the name of the pool, as web servers name theirs; a free worker waits in the
    queue of its pool, for example in ThreadPoolExecutor.getTask.
    """
    dump = dumps.last
    for pool, threads in by_pool(_candidates(dump)).items():
        if len(threads) < _MIN_POOL or any(is_idle(thread) for thread in threads) or not _REQUEST_POOL.match(pool):
            continue
        groups = by_stack(threads)
        same = groups[0]
        activity = activity_of(same[0])
        if len(same) * 2 < len(threads) or activity in ("polls", "idle", "unknown", "runs", "monitor", "lock", "latch"):
            continue
        if activity == "waits" and len(same[0].frames) < _DEEP:
            continue
        if same[0].caller is None or any(_borrows_from(thread) for thread in same):
            continue
        yield Finding(
            "warning",
            f'All {len(threads)} threads of the pool "{pool}" are busy: {len(same)} are at the same place',
            f"{names(same)}: each {describe(dump, same[0])}. No thread of the pool is free.",
            "",
            tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in same[:3]),
            directness=65,
            key=f"pool {pool}",
        )


def java_threads_marked_stuck(dumps: ThreadDumps) -> Iterator[Finding]:
    """The application server itself marks threads as stuck: they work on one request for longer than it allows.

    Source: Oracle WebLogic Server, "StuckThreadMaxTime", 600 s by default.
    """
    stuck = [thread for thread in dumps.last.java_threads if thread.name.startswith("[STUCK]")]
    if not stuck:
        return
    same = by_stack(stuck)[0]
    yield Finding(
        "warning",
        f"The application server marks {len(stuck)} {'thread' if len(stuck) == 1 else 'threads'} as stuck",
        f"{len(same)} of them at the same place: {same[0].label} {describe(dumps.last, same[0])}.",
        "",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in same[:3]),
        directness=74,
        key=f"stuck {same[0].place.call if same[0].place else ''}",
    )


def java_queue_full(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads wait to put something into a bounded queue that is full: its consumers are too slow or have stopped.

    Source: Java SE API, BlockingQueue.put, "waiting if necessary for space to become available".
    """
    dump = dumps.last
    waiting = [
        thread
        for thread in dump.java_threads
        if thread.frame_of(PUTS, 8) and activity_of(thread) in ("waits", "sleeps")
    ]
    if not waiting or (len(waiting) < 2 and len(dumps.dumps) < 2 and "Appender" not in state_of(waiting[0])):
        return
    first = waiting[0]
    queue = first.frame_of(PUTS, 8)
    yield Finding(
        "warning",
        f"{names(waiting)} {'waits' if len(waiting) == 1 else 'wait'} to put into a full queue",
        f"{queue} called from {first.caller or first.top}. The consumers of the queue are too slow or have stopped.",
        "Look for the threads that take from this queue, and at what they do.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in waiting[:3]),
        directness=62,
    )


def java_semaphore_exhausted(dumps: ThreadDumps) -> Iterator[Finding]:
    """Several threads wait for a permit of the same Semaphore. A dump does not show which threads have the permits.

    Source: Java SE API, java.util.concurrent.Semaphore: it "has no notion of ownership".
    """
    dump = dumps.last
    groups: dict[str, list[JavaThread]] = {}
    for thread in dump.java_threads:
        if thread.waits_for is not None and activity_of(thread) == "semaphore" and not _borrows_from(thread):
            groups.setdefault(thread.waits_for.address, []).append(thread)
    for waiters in groups.values():
        if len(waiters) >= _MIN_WAITERS:
            first = waiters[0]
            yield Finding(
                "warning",
                f"{len(waiters)} threads wait for a permit of a Semaphore",
                f"{names(waiters)} wait for {first.waits_for} at {first.place}. No permit is free; the dump does not "
                "show which threads have them.",
                "",
                tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in waiters[:3]),
                directness=62,
            )


def java_pool_starvation(dumps: ThreadDumps) -> Iterator[Finding]:
    """All threads of a pool wait for results of tasks. If the tasks are queued in the same pool, they never run.

    Source: Java Concurrency in Practice, 8.1.1 "Thread starvation deadlock".
    """
    dump = dumps.last
    for pool, threads in by_pool(_candidates(dump)).items():
        # A wait with a time limit ends on its own.
        waiting = [t for t in threads if activity_of(t) == "future" and t.state != "TIMED_WAITING"]
        worker = ("ThreadPoolExecutor.runWorker", "ForkJoinWorkerThread.run", "ThreadPoolExecutor$Worker.run")
        if len(waiting) < 2 or len(waiting) < len(threads) or not all(t.frame_of(worker) for t in threads):
            continue
        first = waiting[0]
        if first.caller is None:
            continue
        yield Finding(
            "critical",
            f'All {len(threads)} threads of the pool "{pool}" wait for results of other tasks',
            f"{names(waiting)}: {first.label} {describe(dump, first)}. No thread of the pool is left to run a task: if "
            "the tasks were submitted to this pool, they never run.",
            "Submit tasks whose result a task waits for to another pool.",
            tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in waiting[:3]),
            directness=75,
            key=f"starvation {pool}",
        )


def _borrows_from(thread: JavaThread) -> str:
    """Return the pool that ``thread`` waits for; "" if it does not wait for one."""
    if activity_of(thread) not in ("waits", "sleeps", "idle", "semaphore", "lock", "future"):
        return ""
    # A client that uses a pool of another library says more than that pool.
    borrowing = [frame for frame in thread.frames[:25] if frame.call.endswith(_BORROW_CALLS)]
    if not borrowing:
        return ""
    return next(pool for call, pool in _BORROW if borrowing[-1].call.endswith(call))


def _candidates(dump: ThreadDump) -> list[JavaThread]:
    return [thread for thread in dump.java_threads if not is_infrastructure(thread) and thread.frames]


def _workers_of(dump: ThreadDump, threads: Sequence[JavaThread]) -> list[JavaThread]:
    """Return all threads of the pools to which ``threads`` belong."""
    pools = by_pool(threads)
    return [thread for name, group in by_pool(_candidates(dump)).items() if name in pools for thread in group]


def _report_exhausted(dumps: ThreadDumps, pool: str, waiters: list[JavaThread]) -> Finding:
    dump = dumps.last
    workers = _workers_of(dump, waiters)
    own = {id(thread) for thread in waiters}
    free = [thread for thread in workers if id(thread) not in own and is_idle(thread)]
    share = "" if free or len(workers) != len(waiters) else " No thread of their pool is free."
    users = [thread for thread in dump.java_threads if id(thread) not in own and _uses_database(thread)]
    holds = f" Connections are in use by {names(users)}: {users[0].label} {describe(dump, users[0])}." if users else ""
    first = waiters[0]
    wait = next(frame for frame in first.frames if any(frame.call.endswith(call) for call, _ in _BORROW))
    caller = f", called from {first.caller}" if first.caller and first.caller != wait else ""
    return Finding(
        "critical",
        f"{len(waiters)} of {len(workers)} threads wait for a connection from the pool {pool}",
        f"{names(waiters)} wait in {wait}{caller}.{share}{holds}",
        "Look for threads that keep connections for long or do not return them, then at the size of the pool.",
        (
            *(dumps.quote_thread(thread, *frames_text(thread)) for thread in waiters[:3]),
            *(dumps.quote_thread(thread, *frames_text(thread)) for thread in users[:2]),
        ),
        directness=82,
        key=f"connection pool {pool}",
    )


def _uses_database(thread: JavaThread) -> bool:
    uses = any(frame.call.startswith(_DATABASE) for frame in thread.frames[:25])
    return uses and activity_of(thread) in ("reads", "runs", "monitor", "lock") and not is_infrastructure(thread)

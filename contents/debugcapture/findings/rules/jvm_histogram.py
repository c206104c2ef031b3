"""Rules about class histograms of the Java heap."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.jvm_histogram import ClassCount, Histogram, readable
from ..subject import Rule

_LARGE_HEAP: Final = 256 << 20  # bytes; in a smaller heap a large share says nothing
_SHARE: Final = 0.3  # of the heap, of one class of the application
_MANY_OBJECTS: Final = 1_000_000
# Clients and pools of which a program needs a few: many instances mean that one is created per request.
_CLIENTS: Final[tuple[tuple[str, int, str], ...]] = (
    ("org.apache.http.impl.conn.PoolingHttpClientConnectionManager", 20, "an HTTP client"),
    ("org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManager", 20, "an HTTP client"),
    ("org.apache.http.impl.nio.conn.PoolingNHttpClientConnectionManager", 20, "an HTTP client"),
    ("org.apache.http.impl.client.InternalHttpClient", 50, "an HTTP client"),
    ("org.apache.http.impl.client.DefaultHttpClient", 50, "an HTTP client"),
    ("org.apache.commons.httpclient.MultiThreadedHttpConnectionManager", 20, "an HTTP client"),
    ("okhttp3.OkHttpClient", 50, "an HTTP client"),
    ("okhttp3.ConnectionPool", 50, "an HTTP client"),
    ("okhttp3.internal.connection.RealConnectionPool", 50, "an HTTP client"),
    ("jdk.internal.net.http.HttpClientImpl", 20, "an HTTP client"),
    ("org.asynchttpclient.DefaultAsyncHttpClient", 10, "an HTTP client"),
    ("org.glassfish.jersey.client.JerseyClient", 50, "a REST client"),
    ("org.springframework.web.client.RestTemplate", 200, "a REST client"),
    ("io.netty.channel.nio.NioEventLoopGroup", 20, "a Netty event loop group"),
    ("io.netty.channel.epoll.EpollEventLoopGroup", 20, "a Netty event loop group"),
    ("io.netty.util.HashedWheelTimer", 20, "a timer"),
    ("com.zaxxer.hikari.HikariDataSource", 20, "a database pool"),
    ("com.zaxxer.hikari.pool.HikariPool", 20, "a database pool"),
    ("org.apache.tomcat.jdbc.pool.ConnectionPool", 20, "a database pool"),
    ("com.mchange.v2.c3p0.ComboPooledDataSource", 20, "a database pool"),
    ("com.alibaba.druid.pool.DruidDataSource", 20, "a database pool"),
    ("org.hibernate.internal.SessionFactoryImpl", 10, "a Hibernate session factory"),
    ("org.apache.kafka.clients.producer.KafkaProducer", 20, "a Kafka producer"),
    ("org.apache.kafka.clients.consumer.KafkaConsumer", 100, "a Kafka consumer"),
    ("com.mongodb.client.internal.MongoClientImpl", 10, "a MongoDB client"),
    ("io.lettuce.core.RedisClient", 20, "a Redis client"),
    ("redis.clients.jedis.JedisPool", 20, "a Redis pool"),
    ("org.redisson.Redisson", 10, "a Redis client"),
    ("com.amazonaws.services.s3.AmazonS3Client", 20, "an AWS client"),
    ("software.amazon.awssdk.services.s3.DefaultS3Client", 20, "an AWS client"),
    ("com.datastax.driver.core.Cluster", 10, "a Cassandra client"),
    ("org.elasticsearch.client.RestClient", 20, "an Elasticsearch client"),
    ("io.grpc.internal.ManagedChannelImpl", 100, "a gRPC channel"),
    ("com.fasterxml.jackson.databind.ObjectMapper", 1000, "a JSON mapper"),
    ("java.util.Timer", 100, "a timer"),
    ("java.util.concurrent.ThreadPoolExecutor", 200, "a thread pool"),
    ("java.util.concurrent.ScheduledThreadPoolExecutor", 200, "a thread pool"),
)
# Objects that stand for something outside of the heap, which stays open as long as they exist.
_RESOURCES: Final[tuple[tuple[str, int, str], ...]] = (
    ("java.net.SocksSocketImpl", 500, "sockets"),
    ("sun.nio.ch.NioSocketImpl", 500, "sockets"),
    ("sun.nio.ch.SocketChannelImpl", 5000, "socket channels"),
    ("java.net.Socket", 500, "sockets"),
    ("sun.security.ssl.SSLSocketImpl", 500, "TLS sockets"),
    ("java.io.FileInputStream", 2000, "open files"),
    ("java.io.FileOutputStream", 2000, "open files"),
    ("java.io.RandomAccessFile", 2000, "open files"),
    ("java.util.zip.ZipFile", 2000, "open archives"),
    ("java.util.zip.Inflater", 5000, "decompressors"),
    ("java.util.zip.Deflater", 2000, "compressors"),
    ("java.lang.Thread", 1000, "threads"),
    ("org.postgresql.jdbc.PgConnection", 300, "database connections"),
    ("com.mysql.cj.jdbc.ConnectionImpl", 300, "database connections"),
    ("com.mysql.jdbc.JDBC4Connection", 300, "database connections"),
    ("oracle.jdbc.driver.T4CConnection", 300, "database connections"),
    ("org.postgresql.jdbc.PgPreparedStatement", 10_000, "database statements"),
    ("com.mysql.cj.jdbc.ClientPreparedStatement", 10_000, "database statements"),
    ("oracle.jdbc.driver.T4CPreparedStatement", 10_000, "database statements"),
    ("java.nio.DirectByteBuffer", 20_000, "buffers outside of the heap"),
)
_OUTSIDE: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.", "[", "<")


def java_clients_not_reused(histogram: Histogram) -> Iterator[Finding]:
    """The heap has many instances of a client or pool, but a program needs only one: it creates one per request.

    Each instance keeps connections, and often threads, until it is closed. Source: Apache HttpClient tutorial, 2.3.3
    "Pooling connection manager"; OkHttp, "OkHttpClients Should Be Shared",
    https://square.github.io/okhttp/5.x/okhttp/okhttp3/-ok-http-client/.
    """
    excessive = _over(histogram, _CLIENTS)
    if not excessive:
        return
    top, subject = excessive[0]
    related = _find_related(histogram, top)
    addition = f" Also {', '.join(f'{row.instances} {readable(row.name)}' for row in related)}." if related else ""
    others = [f"{row.instances} {row.name}" for row, kind in excessive[1:4] if row not in related]
    more = f" Further: {', '.join(others)}." if others else ""
    yield Finding(
        "warning",
        f"{top.instances} instances of {top.name}: {subject} is created again and again, not reused"[:240],
        f"{top.instances} instances, {size(top.bytes)}.{addition}{more}"[:500],
        f"Create {subject} once, and share it.",
        _rows(histogram, [top, *related]),
        directness=75,
        key=f"many {top.name}",
    )


def java_resources_not_released(histogram: Histogram) -> Iterator[Finding]:
    """The heap has many objects that stand for sockets, files, threads or connections: they are not released.

    Source: Java SE API, AutoCloseable: such objects hold resources until they are closed.
    """
    excessive = _over(histogram, _RESOURCES)
    if not excessive:
        return
    top, kind = excessive[0]
    others = [row for row, _ in excessive[1:5]]
    addition = f" Also {', '.join(f'{row.instances} {row.name}' for row in others)}." if others else ""
    yield Finding(
        "warning",
        f"{top.instances} {kind} ({top.name}) are in the heap: they are not released",
        f"{top.instances} instances of {top.name}.{addition} Heap: {size(histogram.total_bytes)}.",
        "Look for code that opens them and does not close them. Compare a later histogram: does the number grow?",
        _rows(histogram, [top, *others]),
        directness=70,
        key=f"resources {top.name}",
    )


def java_class_fills_heap(histogram: Histogram) -> Iterator[Finding]:
    """Instances of one class of the application fill a large part of the heap: a collection or cache that grows.

    Source: https://docs.oracle.com/en/java/javase/21/troubleshoot/troubleshoot-memory-leaks.html, "Create a Heap
    Histogram".
    """
    if histogram.total_bytes < _LARGE_HEAP:
        return
    own = [row for row in histogram.classes if not row.name.startswith(_OUTSIDE)]
    for row in own[:1]:
        share = row.bytes / histogram.total_bytes
        if share < _SHARE and not (row.instances >= _MANY_OBJECTS and share >= _SHARE / 3):
            return
        yield Finding(
            "warning",
            f"{row.instances} instances of {row.name} fill {share:.0%} of the heap"[:240],
            f"{size(row.bytes)} of {size(histogram.total_bytes)}, without what they refer to.",
            "Look at the collections that keep them, with a heap dump.",
            _rows(histogram, [row]),
            directness=65,
            key=f"fills {row.name}",
        )


def java_heap_top(histogram: Histogram) -> Iterator[Finding]:
    """States which classes use most of the heap. Strings and arrays are at the top of nearly every heap.

    Source: https://docs.oracle.com/en/java/javase/21/docs/specs/man/jcmd.html, GC.class_histogram.
    """
    if not histogram.classes:
        return
    own = [row for row in histogram.classes if not row.name.startswith(_OUTSIDE)][:3]
    top = ", ".join(f"{readable(row.name)} {size(row.bytes)} ({row.instances})" for row in histogram.classes[:3])
    names = ", ".join(f"{row.name} {size(row.bytes)} ({row.instances})" for row in own)
    outside = f" Classes outside of the JDK: {names}." if own else ""
    yield Finding(
        "info",
        f"The objects in the Java heap use {size(histogram.total_bytes)}",
        f"{histogram.total_instances} objects. Largest classes: {top}.{outside}"[:560],
        evidence=_rows(histogram, histogram.classes[:3]),
        directness=5,
        key="heap top",
    )


RULES: Sequence[Rule[Histogram]] = (
    java_clients_not_reused,
    java_resources_not_released,
    java_class_fills_heap,
    java_heap_top,
)


def _over(histogram: Histogram, limits: Sequence[tuple[str, int, str]]) -> list[tuple[ClassCount, str]]:
    """Return the rows with more instances than their limit, those that exceed it most first."""
    limits_by_name = {name: (limit, kind) for name, limit, kind in limits}
    excessive = [
        (row, *limits_by_name[row.name])
        for row in histogram.classes
        if row.name in limits_by_name and row.instances >= limits_by_name[row.name][0]
    ]
    excessive.sort(key=lambda item: -item[0].instances / item[1])
    return [(row, kind) for row, _, kind in excessive]


def _find_related(histogram: Histogram, top: ClassCount) -> list[ClassCount]:
    """Return rows of the same package with the same number of instances: parts of the same object."""
    package = ".".join(top.name.split(".")[:3])
    same = [row for row in histogram.classes if row.instances == top.instances and row.name.startswith(package)]
    return [row for row in same if row is not top and not row.name.startswith(f"{top.name}$")][:3]


def _rows(histogram: Histogram, rows: Sequence[ClassCount]) -> tuple[EvidenceLines, ...]:
    return tuple(histogram.evidence.quote(row.line, row.line, row.text) for row in rows[:5])

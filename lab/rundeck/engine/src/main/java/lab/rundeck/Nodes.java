package lab.rundeck;

import com.dtolabs.rundeck.core.common.INodeEntry;
import com.dtolabs.rundeck.core.common.INodeSet;
import com.dtolabs.rundeck.core.common.NodeEntryImpl;
import com.dtolabs.rundeck.core.common.NodeSetImpl;
import com.dtolabs.rundeck.core.common.NodesYamlParser;
import com.dtolabs.rundeck.core.storage.StorageTree;
import com.dtolabs.rundeck.core.storage.keys.KeyStorageTree;
import com.dtolabs.rundeck.core.storage.keys.KeyStorageUtil;
import com.dtolabs.rundeck.core.utils.NodeSet;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import org.rundeck.app.spi.SimpleServiceProvider;

/** The project's nodes and the job's choice of them, both by Rundeck's own readers and filters. */
final class Nodes {
    private Nodes() { }

    /** The nodes a job runs on: those its filter lets through, or the server's own when the project has none. */
    static INodeSet of(Engine engine, Request request, Job job, StorageTree keys) throws Exception {
        NodeSetImpl all = project(engine, request, keys);
        if (all.getNodes().isEmpty()) {
            all.putNode(new NodeEntryImpl("localhost", "localhost"));
            return all;
        }
        if (job.nodeFilter().isEmpty()) {
            return all;
        }
        NodeSet filter = NodeSet.fromFilter(job.nodeFilter());
        NodeSetImpl chosen = new NodeSetImpl();
        all.getNodes().stream().filter(filter::acceptNode).forEach(chosen::putNode);
        return chosen;
    }

    private static NodeSetImpl project(Engine engine, Request request, StorageTree keys) throws Exception {
        NodeSetImpl nodes = new NodeSetImpl();
        if (request.nodeFile() != null) {
            new NodesYamlParser(new File(request.nodeFile()), nodes).parse();
        }
        if (!request.nodes().isEmpty()) {
            String yaml = new org.yaml.snakeyaml.Yaml().dump(request.nodes());
            new NodesYamlParser(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)), nodes).parse();
        }
        if (request.nodeSource() != null) {
            fromProvider(engine, request, keys).forEach(nodes::putNode);
        }
        return nodes;
    }

    private static Iterable<INodeEntry> fromProvider(Engine engine, Request request, StorageTree keys)
            throws Exception {
        Properties config = new Properties();
        config.putAll(request.nodeSourceConfig());
        config.setProperty("project", request.project());
        var services = new SimpleServiceProvider(
                Map.of(KeyStorageTree.class, KeyStorageUtil.keyStorageWrapper(keys)));
        return engine.framework.getResourceModelSourceService()
                .getCloseableSourceForConfiguration(request.nodeSource(), config, services)
                .getProvider().getNodes().getNodes();
    }
}

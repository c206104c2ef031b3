package lab.rundeck;

import com.dtolabs.rundeck.core.common.INodeEntry;
import com.dtolabs.rundeck.core.common.IRundeckProject;
import com.dtolabs.rundeck.core.common.NodeSetImpl;
import com.dtolabs.rundeck.core.common.NodeSourceLoader;
import com.dtolabs.rundeck.core.common.NodesSelector;
import com.dtolabs.rundeck.core.common.NodesYamlParser;
import com.dtolabs.rundeck.core.common.ProjectNodeSupport;
import com.dtolabs.rundeck.core.common.SelectorUtils;
import com.dtolabs.rundeck.core.execution.service.ExecutionServiceException;
import com.dtolabs.rundeck.core.storage.StorageTree;
import com.dtolabs.rundeck.core.storage.keys.KeyStorageTree;
import com.dtolabs.rundeck.core.storage.keys.KeyStorageUtil;
import com.dtolabs.rundeck.core.utils.NodeSet;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.rundeck.app.spi.Services;
import org.rundeck.app.spi.SimpleServiceProvider;

/**
 * The nodes of a project, which Rundeck loads from `resources.source.*`, and the nodes that match the filters of a job.
 * A job without a filter runs on the node of the server, if a source of the project contains it.
 */
record Nodes(NodeSetImpl all, Map<String, String> errors) {
    static final String SERVER = "localhost";

    /** @param keys Key Storage with the permissions of the project */
    static Nodes of(Engine engine, Request request, StorageTree keys) throws Exception {
        NodeSetImpl all = new NodeSetImpl();
        Services services = new SimpleServiceProvider(
                Map.of(KeyStorageTree.class, KeyStorageUtil.keyStorageWrapper(keys)));
        Map<String, String> errors = new TreeMap<>();
        fromProject(engine, request.project(), services, errors).forEach(all::putNode);
        if (request.nodeFile() != null) {
            new NodesYamlParser(new File(request.nodeFile()), all).parse();
        }
        if (request.nodes() != null && !request.nodes().isEmpty()) {
            String yaml = new org.yaml.snakeyaml.Yaml().dump(request.nodes());
            new NodesYamlParser(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)), all).parse();
        }
        return new Nodes(all, errors);
    }

    static NodesSelector selector(Job job) {
        return job.nodeFilter().isEmpty() ? SelectorUtils.nodeList(List.of(SERVER))
                : NodeSet.fromFilter(job.nodeFilter());
    }

    NodeSetImpl chosen(NodesSelector selector) {
        NodeSetImpl chosen = new NodeSetImpl();
        all.getNodes().stream().filter(selector::acceptNode).forEach(chosen::putNode);
        return chosen;
    }

    private static Iterable<INodeEntry> fromProject(Engine engine, String name, Services services,
                                                    Map<String, String> errors) throws Exception {
        IRundeckProject project = engine.framework.getFrameworkProjectMgr().getFrameworkProject(name);
        var sources = engine.framework.getResourceModelSourceService();
        NodeSourceLoader loader = (inProject, source) -> {
            Properties config = new Properties();
            config.putAll(source.getProperties());
            config.setProperty("project", inProject);
            try {
                var provider = sources.getCloseableSourceForConfiguration(source.getType(), config, services);
                return () -> provider;
            } catch (ExecutionServiceException e) {
                throw new IllegalStateException(e);
            }
        };
        try (ProjectNodeSupport support = new ProjectNodeSupport(project,
                engine.framework.getResourceFormatGeneratorService(), sources, loader)) {
            List<INodeEntry> nodes = List.copyOf(support.getNodeSet().getNodes());
            support.getResourceModelSourceExceptionsMap()
                    .forEach((source, why) -> errors.put(source, PluginProbe.causes(why)));
            return nodes;
        }
    }
}

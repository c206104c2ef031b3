package lab.rundeck;

import com.dtolabs.rundeck.core.storage.StorageTree;
import java.util.LinkedHashMap;
import java.util.Map;

/** The nodes of a project's sources with their attributes, and the errors of sources that failed. */
final class ProjectNodes {
    private ProjectNodes() { }

    static Map<String, Object> of(Engine engine, Request request) throws Exception {
        engine.createProject(request.project(), request.projectProperties());
        StorageTree keys = KeyStorage.of(request.keys());
        AccessControl control = new AccessControl(request.project(), request.access());
        Nodes found = Nodes.of(engine, request, AccessControl.guarded(keys, control.project()));
        Map<String, Object> nodes = new LinkedHashMap<>();
        found.all().getNodes().forEach(node -> nodes.put(node.getNodename(), node.getAttributes()));
        return Map.of("nodes", nodes, "errors", found.errors());
    }
}

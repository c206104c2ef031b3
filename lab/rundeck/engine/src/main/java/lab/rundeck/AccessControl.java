package lab.rundeck;

import com.dtolabs.rundeck.core.authentication.Group;
import com.dtolabs.rundeck.core.authentication.Username;
import com.dtolabs.rundeck.core.authorization.AclsUtil;
import com.dtolabs.rundeck.core.authorization.Attribute;
import com.dtolabs.rundeck.core.authorization.AuthContext;
import com.dtolabs.rundeck.core.authorization.Authorization;
import com.dtolabs.rundeck.core.authorization.Decision;
import com.dtolabs.rundeck.core.authorization.SubjectAuthContext;
import com.dtolabs.rundeck.core.authorization.providers.Policies;
import com.dtolabs.rundeck.core.authorization.providers.PoliciesValidation;
import com.dtolabs.rundeck.core.authorization.providers.PolicyCollection;
import com.dtolabs.rundeck.core.authorization.providers.YamlValidator;
import com.dtolabs.rundeck.core.common.FrameworkProject;
import com.dtolabs.rundeck.core.common.INodeEntry;
import com.dtolabs.rundeck.core.common.NodeSetImpl;
import com.dtolabs.rundeck.core.storage.AuthRundeckStorageTree;
import com.dtolabs.rundeck.core.storage.StorageTree;
import com.dtolabs.rundeck.core.storage.StorageUtil;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.Subject;

/**
 * Rundeck's parser of policies, its rules, and its access control for Key Storage. Which permissions a run requires is
 * decided by the server, whose behavior this class imitates.
 */
final class AccessControl {
    private static final Set<String> READ_AND_RUN = Set.of("read", "run");

    /** The errors of invalid policy files, by file and position. The other files are in effect. */
    final Map<String, Map<String, List<String>>> invalid = new LinkedHashMap<>();
    private final String project;
    private final Access access;
    private final Authorization rules;

    AccessControl(String project, Access access) throws IOException {
        this.project = project;
        this.access = access;
        List<PolicyCollection> found = new ArrayList<>(read(null, access.serverPolicies()));
        found.addAll(read(project, access.projectPolicies()));
        rules = AclsUtil.createAuthorization(new Policies(found));
    }

    /** The policies of a project apply only to it: Rundeck sets their context, and rejects another one. */
    private List<PolicyCollection> read(String context, Map<String, String> files) throws IOException {
        List<PolicyCollection> valid = new ArrayList<>();
        for (var file : files.entrySet()) {
            PoliciesValidation read = YamlValidator.create()
                    .validateYamlPolicy(context, file.getKey(), file.getValue());
            if (read.isValid()) {
                valid.add(read.getSource());
            } else {
                invalid.put(file.getKey(), read.getErrors());
            }
        }
        return valid;
    }

    AuthContext user() {
        Subject subject = new Subject();
        subject.getPrincipals().add(new Username(access.user()));
        access.groups().forEach(group -> subject.getPrincipals().add(new Group(group)));
        return new SubjectAuthContext(subject, rules);
    }

    /** The identity of the project, with which Rundeck reads Key Storage for node sources. */
    AuthContext project() {
        return new SubjectAuthContext(AclsUtil.getSubjectUrnForProject(project), rules);
    }

    Map<String, Object> answer(Question question) {
        AuthContext asking = question.asProject() ? project() : user();
        List<String> refused = question.actions().stream().map(action ->
                        asking.evaluate(question.resource(), action, question.environment(project)))
                .filter(decision -> !decision.isAuthorized()).map(AccessControl::refusal).toList();
        return Map.of("authorized", refused.isEmpty(), "refused", refused);
    }

    private static String refusal(Decision decision) {
        return decision.getAction() + ": " + decision.explain().getCode();
    }

    /** @throws RunRefused with the message of the API */
    void mayRun(Job job) throws RunRefused {
        Map<String, String> resource = new HashMap<>(Map.of("type", "job", "name", job.name(), "group", job.group(),
                "uuid", job.uuid()));
        if (!allowed(user(), resource, READ_AND_RUN)) {
            throw new RunRefused("Not authorized for action \"Run\" for Job ID " + job.uuid());
        }
    }

    /** The nodes that the user may read and run on. The server omits all others without a message. */
    NodeSetImpl runnable(Iterable<INodeEntry> nodes) {
        NodeSetImpl left = new NodeSetImpl();
        for (INodeEntry node : nodes) {
            if (allowed(user(), resource(node), READ_AND_RUN)) {
                left.putNode(node);
            }
        }
        return left;
    }

    private Map<String, String> resource(INodeEntry node) {
        Map<String, String> resource = new HashMap<>(node.getAttributes());
        resource.put("type", "node");
        resource.put("rundeck_server", String.valueOf(node.getNodename().equals("localhost")));
        return resource;
    }

    private boolean allowed(AuthContext asking, Map<String, String> resource, Set<String> actions) {
        Set<Attribute> environment = FrameworkProject.authorizationEnvironment(project);
        return asking.evaluate(new HashSet<>(Set.of(resource)), actions, environment).stream()
                .allMatch(Decision::isAuthorized);
    }

    static StorageTree guarded(StorageTree keys, AuthContext asking) {
        return StorageUtil.resolvedTree(asking, new AuthRundeckStorageTree(keys));
    }
}

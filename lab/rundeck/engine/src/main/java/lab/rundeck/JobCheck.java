package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.ProviderIdent;
import com.dtolabs.rundeck.core.plugins.configuration.Description;
import com.dtolabs.rundeck.core.plugins.configuration.PropertyResolverFactory;
import com.dtolabs.rundeck.core.plugins.configuration.PropertyScope;
import com.dtolabs.rundeck.core.plugins.configuration.Validator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The check of the server before it saves or imports a job: Rundeck's validators check the configuration of each plugin
 * step. They do not replace ${option.x}, and do not use the settings of the project and the server.
 */
final class JobCheck {
    private static final Set<String> STEPS = Set.of("WorkflowStep");
    private static final Set<String> NODE_STEPS = Set.of("WorkflowNodeStep", "RemoteScriptNodeStep");

    private final Engine engine;
    private final Map<String, Description> described = new HashMap<>();

    JobCheck(Engine engine) {
        this.engine = engine;
    }

    /** The invalid steps of all jobs in these files, in order. */
    Map<String, Object> of(List<String> files) throws Exception {
        List<Map<String, Object>> invalid = new ArrayList<>();
        for (String file : files) {
            for (Job job : JobFile.read(Path.of(file)).jobs()) {
                int number = 0;
                for (Map<String, Object> command : job.commands()) {
                    number++;
                    check(job, number, StepItem.of(command), invalid);
                }
            }
        }
        return Map.of("invalid", invalid);
    }

    private void check(Job job, int number, StepItem step, List<Map<String, Object>> invalid) throws Exception {
        Map<String, String> errors = step.isPlugin() ? errors(step) : Map.of();
        if (!errors.isEmpty()) {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("job", job.path());
            out.put("uuid", job.uuid());
            out.put("number", number);
            out.put("type", step.provider());
            out.put("errors", errors);
            invalid.add(out);
        }
        if (step.getFailureHandler() instanceof StepItem handler) {
            check(job, number, handler, invalid);
        }
    }

    private Map<String, String> errors(StepItem step) throws Exception {
        Set<String> services = step instanceof StepItem.Dispatched ? NODE_STEPS : STEPS;
        Optional<ProviderIdent> found = engine.plugins.listProviders().stream().filter(id ->
                services.contains(id.getService()) && id.getProviderName().equals(step.provider())).findFirst();
        if (found.isEmpty()) {
            return Map.of("", "no plugin has this step");
        }
        var written = PropertyResolverFactory.createInstanceResolver(step.getStepConfiguration());
        return new TreeMap<>(Validator.validate(written, described(found.get()), PropertyScope.Instance,
                PropertyScope.Project).getErrors());
    }

    private Description described(ProviderIdent id) throws Exception {
        String key = id.toString();
        if (!described.containsKey(key)) {
            described.put(key, Providers.description(engine, id));
        }
        return described.get(key);
    }
}

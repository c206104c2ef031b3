package lab.rundeck;

import com.dtolabs.rundeck.core.execution.ConfiguredStepExecutionItem;
import com.dtolabs.rundeck.core.execution.HandlerExecutionItem;
import com.dtolabs.rundeck.core.execution.HasFailureHandler;
import com.dtolabs.rundeck.core.execution.HasLoggingFilterConfiguration;
import com.dtolabs.rundeck.core.execution.StepExecutionItem;
import com.dtolabs.rundeck.core.execution.workflow.steps.NodeDispatchStepExecutor;
import com.dtolabs.rundeck.core.execution.workflow.steps.node.NodeStepExecutionItem;
import com.dtolabs.rundeck.core.plugins.PluginConfiguration;
import com.dtolabs.rundeck.core.plugins.SimplePluginConfiguration;
import com.dtolabs.rundeck.plugins.ServiceNameConstants;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A step of a workflow, based on its YAML. It replaces the class of the server, which is not published. */
class StepItem implements ConfiguredStepExecutionItem, HandlerExecutionItem, HasFailureHandler,
        HasLoggingFilterConfiguration {
    static final String SCRIPT = "script-inline";
    static final String EXEC = "exec-command";
    static final String JOB = "rundeck-jobref";

    final Map<String, Object> yaml;
    private final String type;
    private final StepItem handler;

    private StepItem(Map<String, Object> yaml, String type) {
        this.yaml = yaml;
        this.type = type;
        Map<String, Object> errorhandler = Yaml.map(yaml.get("errorhandler"));
        this.handler = errorhandler.isEmpty() ? null : of(errorhandler);
    }

    static StepItem of(Map<String, Object> yaml) {
        if (yaml.containsKey("jobref")) {
            return new StepItem(yaml, JOB);
        }
        if (yaml.containsKey("exec")) {
            return new Dispatched(yaml, EXEC);
        }
        if (yaml.containsKey("script")) {
            return new Dispatched(yaml, SCRIPT);
        }
        String type = Yaml.text(yaml, "type", "");
        return Yaml.flag(yaml, "nodeStep") ? new Dispatched(yaml, type) : new StepItem(yaml, type);
    }

    /** The server omits a filter without a configuration. An empty configuration is sufficient. */
    static List<PluginConfiguration> filters(Map<String, Object> plugins) {
        return Yaml.list(plugins.get("LogFilter")).stream().map(Yaml::map)
                .filter(filter -> filter.get("config") instanceof Map).<PluginConfiguration>map(filter ->
                new SimplePluginConfiguration(ServiceNameConstants.LogFilter, Yaml.text(filter, "type", ""),
                        Yaml.map(filter.get("config")), null)).toList();
    }

    String provider() { return type; }

    /** Whether the step is a plugin, and not built into Rundeck. */
    boolean isPlugin() {
        return yaml.containsKey("type");
    }

    @Override public String getType() { return type; }
    @Override public String getLabel() { return Yaml.text(yaml, "description", null); }
    @Override public StepExecutionItem getFailureHandler() { return handler; }
    @Override public boolean isKeepgoingOnSuccess() { return Yaml.flag(yaml, "keepgoingOnSuccess"); }
    @Override public String toString() { return "step " + type; }

    @Override
    public Map<String, Object> getStepConfiguration() {
        return new HashMap<>(Yaml.map(yaml.get("configuration")));
    }

    @Override
    public List<PluginConfiguration> getFilterConfigurations() {
        return filters(Yaml.map(yaml.get("plugins")));
    }

    /** Runs on each node of the context, with Rundeck's dispatcher. */
    static final class Dispatched extends StepItem implements NodeStepExecutionItem {
        private Dispatched(Map<String, Object> yaml, String type) {
            super(yaml, type);
        }

        @Override public String getType() { return NodeDispatchStepExecutor.STEP_EXECUTION_TYPE; }
        @Override public String getNodeStepType() { return provider(); }
    }
}

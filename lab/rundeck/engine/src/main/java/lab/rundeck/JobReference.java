package lab.rundeck;

import com.dtolabs.rundeck.core.dispatcher.ContextView;
import com.dtolabs.rundeck.core.execution.ExecutionContextImpl;
import com.dtolabs.rundeck.core.execution.StepExecutionItem;
import com.dtolabs.rundeck.core.execution.service.ExecutionServiceException;
import com.dtolabs.rundeck.core.execution.workflow.StepExecutionContext;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionItemImpl;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionResult;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepException;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResult;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResultImpl;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutor;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepFailureReason;
import com.dtolabs.rundeck.core.utils.OptsUtil;
import java.util.HashMap;
import java.util.Map;

/** Replaces references to jobs, within a file. The log filters for the whole referenced job are ignored. */
final class JobReference implements StepExecutor {
    private final Engine engine;
    private final JobFile file;

    JobReference(Engine engine, JobFile file) {
        this.engine = engine;
        this.file = file;
    }

    @Override public boolean isNodeDispatchStep(StepExecutionItem item) { return false; }

    @Override
    public StepExecutionResult executeWorkflowStep(StepExecutionContext context, StepExecutionItem item)
            throws StepException {
        Map<String, Object> reference = Yaml.map(((StepItem) item).yaml.get("jobref"));
        Job child = child(reference);
        try {
            return run(context, child, options(context, reference));
        } catch (RunRefused e) {
            throw new StepException(e.getMessage(), StepFailureReason.ConfigurationFailure);
        } catch (ExecutionServiceException e) {
            throw new StepException(e, StepFailureReason.PluginFailed);
        }
    }

    private Job child(Map<String, Object> reference) throws StepException {
        String name = Yaml.text(reference, "name", "");
        String group = Yaml.text(reference, "group", "");
        String byName = group.isEmpty() ? name : group + "/" + name;
        String wanted = Yaml.flag(reference, "useName") ? byName : Yaml.text(reference, "uuid", byName);
        return file.find(wanted).orElseThrow(() ->
                new StepException("Job not found: " + wanted, StepFailureReason.ConfigurationFailure));
    }

    private static Map<String, String> options(StepExecutionContext context, Map<String, Object> reference) {
        Map<String, String> out = new HashMap<>();
        if (Yaml.flag(reference, "importOptions")) {
            out.putAll(context.getDataContext().getOrDefault("option", Map.of()));
        }
        String[] words = OptsUtil.burst(Yaml.text(reference, "args", ""));
        for (int i = 0; i + 1 < words.length; i += 2) {
            out.put(words[i].replaceFirst("^-", ""), References.expand(context, words[i + 1]));
        }
        return out;
    }

    private StepExecutionResult run(StepExecutionContext context, Job child, Map<String, String> given)
            throws RunRefused, ExecutionServiceException {
        Map<String, String> jobData = context.getDataContext().getOrDefault("job", Map.of());
        OptionValues options = OptionValues.of(child, given, context.getStorageTree(), jobData);
        ExecutionContextImpl inner = ExecutionContextImpl.builder(context)
                .setContext("option", options.plain)
                .mergeContext("job", Map.of("name", child.name(), "group", child.group(), "id", child.uuid()))
                .privateDataContext(new HashMap<>(Map.of("option", options.secret)))
                .build();
        WorkflowExecutionItemImpl workflow = new WorkflowExecutionItemImpl(Workflows.of(child));
        WorkflowExecutionResult result = engine.framework.getWorkflowExecutionService()
                .getExecutorForItem(workflow).executeWorkflow(inner, workflow);
        export(context, result);
        return result.isSuccess() ? new StepExecutionResultImpl() : new StepExecutionResultImpl(null,
                StepFailureReason.PluginFailed, "Job [" + child.path() + "] failed");
    }

    private static void export(StepExecutionContext context, WorkflowExecutionResult result) {
        var data = result.getSharedContext().getData(ContextView.global());
        if (data != null && data.getData().containsKey("export")) {
            context.getOutputContext().addOutput(ContextView.global(), "export", data.getData().get("export"));
        }
    }
}

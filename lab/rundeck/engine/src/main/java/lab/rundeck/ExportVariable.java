package lab.rundeck;

import com.dtolabs.rundeck.core.dispatcher.ContextView;
import com.dtolabs.rundeck.core.execution.StepExecutionItem;
import com.dtolabs.rundeck.core.execution.workflow.StepExecutionContext;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResult;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResultImpl;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutor;
import java.util.Map;

/** Replaces the built-in `export-var` step: sets ${GROUP.EXPORT} for later steps and for the parent job. */
final class ExportVariable implements StepExecutor {
    static final String TYPE = "export-var";

    @Override public boolean isNodeDispatchStep(StepExecutionItem item) { return false; }

    @Override
    public StepExecutionResult executeWorkflowStep(StepExecutionContext context, StepExecutionItem item) {
        Map<String, Object> config = ((StepItem) item).getStepConfiguration();
        context.getOutputContext().addOutput(ContextView.global(), Yaml.text(config, "group", "export"),
                Yaml.text(config, "export", ""), References.expand(context, Yaml.text(config, "value", "")));
        return new StepExecutionResultImpl();
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.execution.StepExecutionItem;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowImpl;
import java.util.HashMap;
import java.util.List;
import java.util.stream.Collectors;

/** Converts the sequence of a job to a workflow of Rundeck. */
final class Workflows {
    private Workflows() { }

    static WorkflowImpl of(Job job) {
        List<StepExecutionItem> steps = job.commands().stream().map(StepItem::of).collect(Collectors.toList());
        WorkflowImpl workflow = new WorkflowImpl(steps, job.threadcount(), job.keepgoing(), job.strategy());
        workflow.setPluginConfig(new HashMap<>());
        return workflow;
    }
}

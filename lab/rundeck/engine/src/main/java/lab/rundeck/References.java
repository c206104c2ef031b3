package lab.rundeck;

import com.dtolabs.rundeck.core.data.SharedDataContextUtils;
import com.dtolabs.rundeck.core.dispatcher.ContextView;
import com.dtolabs.rundeck.core.execution.workflow.StepExecutionContext;

/** Replaces ${option.x}, ${data.x} and ${job.x} with Rundeck's code. Unknown references become empty. */
final class References {
    private References() { }

    static String expand(StepExecutionContext context, String text) {
        return SharedDataContextUtils.replaceDataReferences(text, context.getSharedDataContext(),
                ContextView.global(), ContextView::nodeStep, null, false, true);
    }
}

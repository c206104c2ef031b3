package lab.rundeck;

import com.dtolabs.rundeck.core.execution.StepExecutionItem;
import com.dtolabs.rundeck.core.execution.workflow.NoopWorkflowExecutionListener;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Records the result of each step by its number in the sequence, because the result of the engine lists failed steps
 * last. Ignores steps of referenced jobs.
 */
final class StepRecorder extends NoopWorkflowExecutionListener {
    /** The outcome and duration of a step, including its error handler. */
    record Ended(int number, StepExecutionResult result, long wallMs) { }

    private final List<StepExecutionItem> steps;
    private final Map<Integer, Long> begun = new TreeMap<>();
    private final Map<Integer, Ended> ended = new TreeMap<>();

    StepRecorder(List<StepExecutionItem> steps) {
        this.steps = steps;
    }

    synchronized List<Ended> ended() {
        return new ArrayList<>(ended.values());
    }

    @Override
    public synchronized void beginWorkflowItem(int step, StepExecutionItem item) {
        int number = steps.indexOf(item) + 1;
        begun.putIfAbsent(number, System.nanoTime());
    }

    @Override
    public synchronized void finishWorkflowItem(int step, StepExecutionItem item, StepExecutionResult result) {
        int number = steps.indexOf(item) + 1;
        Ended before = ended.get(number);
        // in a node-oriented workflow, a step ends once per node
        boolean failedElsewhere = before != null && !before.result().isSuccess();
        keep(number, failedElsewhere ? before.result() : result);
    }

    @Override
    public synchronized void finishWorkflowItemErrorHandler(int step, StepExecutionItem item,
                                                            StepExecutionResult result) {
        for (int i = 0; i < steps.size(); i++) {
            StepItem handled = (StepItem) steps.get(i);
            boolean ours = item == handled || item == handled.getFailureHandler();
            if (ours) {
                StepItem handler = (StepItem) handled.getFailureHandler();
                boolean recovered = result.isSuccess() && handler.isKeepgoingOnSuccess();
                keep(i + 1, recovered ? result : ended.get(i + 1).result());
            }
        }
    }

    private void keep(int number, StepExecutionResult result) {
        if (number > 0) {
            long wallMs = (System.nanoTime() - begun.get(number)) / 1_000_000;
            ended.put(number, new Ended(number, result, wallMs));
        }
    }
}

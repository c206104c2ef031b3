package lab.rundeck;

import com.dtolabs.rundeck.core.execution.WorkflowExecutionServiceThread;
import com.dtolabs.rundeck.core.execution.dispatch.DispatcherResult;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionResult;
import com.dtolabs.rundeck.core.execution.workflow.steps.NodeDispatchStepExecutor;
import com.dtolabs.rundeck.core.execution.workflow.steps.StepExecutionResult;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The result of a run as JSON. */
final class RunReport {
    private static final Pattern EXIT_CODE = Pattern.compile("result code was: (\\d+)");

    private RunReport() { }

    static Map<String, Object> of(WorkflowExecutionServiceThread execution, StepRecorder recorder, EventSink sink,
                                  long wallMs) {
        WorkflowExecutionResult result = execution.getResultObject();
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("succeeded", execution.isSuccessful());
        out.put("aborted", execution.isAborted());
        out.put("steps", recorder.ended().stream().map(RunReport::step).toList());
        out.put("data", result == null ? Map.of() : data(result));
        out.put("log", sink.lines());
        out.put("rendered", sink.rendered());
        out.put("wall_ms", wallMs);
        if (execution.getThrowable() != null) {
            out.put("thrown", execution.getThrowable().toString());
        }
        return out;
    }

    private static Map<String, Object> step(StepRecorder.Ended ended) {
        StepExecutionResult step = ended.result();
        StepExecutionResult cause = failedNode(step);
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("number", ended.number());
        out.put("success", step.isSuccess());
        out.put("exit_code", step.isSuccess() ? Integer.valueOf(0) : exitCode(cause));
        out.put("reason", step.isSuccess() ? "" : String.valueOf(cause.getFailureReason()));
        out.put("message", step.isSuccess() ? "" : String.valueOf(cause.getFailureMessage()));
        out.put("wall_s", ended.wallMs() / 1000.0);
        return out;
    }

    /** Rundeck discards the failure data of a workflow step (${result.resultCode}). The message has the exit code. */
    private static Object exitCode(StepExecutionResult step) {
        Matcher code = EXIT_CODE.matcher(String.valueOf(step.getFailureMessage()));
        if (code.find()) {
            return Integer.valueOf(code.group(1));
        }
        return step.getFailureData() == null ? null : step.getFailureData().get("resultCode");
    }

    /** The message of a node step only says that nodes failed. The result of the first failed node has the reason. */
    private static StepExecutionResult failedNode(StepExecutionResult step) {
        if (step.isSuccess() || !NodeDispatchStepExecutor.isWrappedDispatcherResult(step)) {
            return step;
        }
        DispatcherResult nodes = NodeDispatchStepExecutor.extractDispatcherResult(step);
        return nodes.getResults().values().stream().<StepExecutionResult>map(r -> r)
                .filter(r -> !r.isSuccess()).findFirst().orElse(step);
    }

    /** ${data.*} of the job and of its node steps, as later steps on the same node can read it. */
    private static Map<String, String> data(WorkflowExecutionResult result) {
        Map<String, String> out = new TreeMap<>();
        var shared = result.getSharedContext();
        shared.getKeys().stream().filter(view -> view.isGlobal() || view.getNodeName() != null)
                .map(shared::getData).filter(Objects::nonNull)
                .forEach(scope -> out.putAll(scope.getData().getOrDefault("data", Map.of())));
        return out;
    }
}

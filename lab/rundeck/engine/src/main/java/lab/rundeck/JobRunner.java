package lab.rundeck;

import com.dtolabs.rundeck.core.common.NodeSetImpl;
import com.dtolabs.rundeck.core.common.NodesSelector;
import com.dtolabs.rundeck.core.common.PluginControlServiceImpl;
import com.dtolabs.rundeck.core.execution.ExecutionContextImpl;
import com.dtolabs.rundeck.core.execution.ExecutionListener;
import com.dtolabs.rundeck.core.execution.WorkflowExecutionServiceThread;
import com.dtolabs.rundeck.core.execution.workflow.StepExecutionContext;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionItemImpl;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionListener;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowImpl;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.storage.StorageTree;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;

/** Runs a job of a file. */
final class JobRunner {
    private static final long ABORT_REPEAT_MS = 1000; // like the server, which repeats the abort every second

    private final Engine engine;
    private final Request request;
    private final JobFile file;
    private final Job job;
    /** Key Storage with the permissions of the user who runs the job. */
    private final StorageTree keys;
    /** Key Storage with the permissions of the project, for its node sources. */
    private final StorageTree projectKeys;
    /** Null to skip access checks. */
    private final AccessControl control;

    JobRunner(Engine engine, Request request) throws Exception {
        this.engine = engine;
        this.request = request;
        this.file = JobFile.read(Path.of(request.jobFile()));
        this.job = file.choose(request.job());
        StorageTree all = KeyStorage.of(request.keys());
        this.control = request.access() == null ? null : new AccessControl(request.project(), request.access());
        this.keys = control == null ? all : AccessControl.guarded(all, control.user());
        this.projectKeys = control == null ? all : AccessControl.guarded(all, control.project());
    }

    Map<String, Object> run() throws Exception {
        if (control != null) {
            control.mayRun(job);
        }
        OptionValues options = OptionValues.of(job, request.options(), keys, jobData());
        engine.createProject(request.project(), request.projectProperties());
        CommandSteps.register(engine);
        var steps = engine.services.getStepExecutionService().getProviderRegistryService();
        steps.registerInstance(ExportVariable.TYPE, new ExportVariable());
        steps.registerInstance(StepItem.JOB, new JobReference(engine, file));
        Nodes nodes = Nodes.of(engine, request, projectKeys);
        LogLevel level = LogLevel.looseValueOf(request.loglevel(), LogLevel.NORMAL);
        EventSink sink = new EventSink(level, request.echo() ? Main.STANDARD_OUTPUT : null);
        WorkflowImpl workflow = Workflows.of(job);
        StepRecorder recorder = new StepRecorder(workflow.getCommands());
        long start = System.nanoTime();
        WorkflowExecutionServiceThread execution;
        try (Logs logs = new Logs(sink, StepItem.filters(job.sequencePlugins()), recorder)) {
            execution = start(workflow, logs, context(logs, nodes, options, level));
            await(execution);
        }
        Map<String, Object> report = RunReport.of(execution, recorder, sink, (System.nanoTime() - start) / 1_000_000);
        report.put("node_errors", nodes.errors());
        return report;
    }

    private StepExecutionContext context(Logs logs, Nodes nodes, OptionValues options, LogLevel level) {
        NodesSelector selector = Nodes.selector(job);
        NodeSetImpl chosen = nodes.chosen(selector);
        return ExecutionContextImpl.builder()
                .pluginControlService(PluginControlServiceImpl.forProject(engine.framework, request.project()))
                .frameworkProject(request.project())
                .framework(engine.framework)
                .storageTree(keys)
                .user(user())
                .nodeSelector(selector)
                .nodes(control == null ? chosen : control.runnable(chosen))
                .threadCount(job.threadcount())
                .keepgoing(job.nodeKeepgoing())
                .nodeRankOrderAscending(true)
                .loglevel(level.ordinal())
                .charsetEncoding("UTF-8")
                .sharedDataContextClear()
                .dataContext(data(options))
                .privateDataContext(new HashMap<>(Map.of("option", options.secret)))
                .executionListener((ExecutionListener) logs.listener)
                .workflowExecutionListener((WorkflowExecutionListener) logs.listener)
                .loggingManager(logs.manager)
                .build();
    }

    /** The values of ${option.x}, ${secureOption.x}, ${file.x} and ${job.x}, as in the server's ExecutionService. */
    private Map<String, Map<String, String>> data(OptionValues options) {
        Map<String, Map<String, String>> data = new HashMap<>();
        data.put("option", options.plain);
        data.put("file", options.files);
        data.put("globals", new HashMap<>());
        if (!options.exposed.isEmpty()) {
            data.put("secureOption", options.exposed);
        }
        data.put("job", jobData());
        return data;
    }

    private String user() {
        return request.access() == null ? "admin" : request.access().user();
    }

    private Map<String, String> jobData() {
        String server = "http://localhost:4440/";
        String execution = String.valueOf(System.currentTimeMillis()); // unique, as on a server
        Map<String, String> data = new HashMap<>();
        data.put("name", job.name());
        data.put("group", job.group());
        data.put("id", job.uuid());
        data.put("project", request.project());
        data.put("execid", execution);
        data.put("executionType", "user");
        data.put("username", user());
        data.put("user.name", user());
        data.put("loglevel", request.loglevel());
        data.put("threadcount", String.valueOf(job.threadcount()));
        data.put("filter", job.nodeFilter());
        data.put("wasRetry", "false");
        data.put("retryAttempt", "0");
        data.put("serverUrl", server);
        data.put("url", server + "project/" + request.project() + "/execution/follow/" + execution);
        return data;
    }

    private WorkflowExecutionServiceThread start(WorkflowImpl workflow, Logs logs, StepExecutionContext context) {
        WorkflowExecutionServiceThread thread = new WorkflowExecutionServiceThread(
                engine.framework.getWorkflowExecutionService(),
                new WorkflowExecutionItemImpl(workflow), context, logs.manager, null);
        thread.start();
        return thread;
    }

    /** Waits for the end. After a time limit (caller or job), repeats the abort every second, like the server. */
    private void await(WorkflowExecutionServiceThread execution) throws InterruptedException {
        long limit = LongStream.of(request.abortAfterMs(), job.timeoutMs()).filter(ms -> ms > 0).min().orElse(0);
        execution.join(limit);
        while (execution.isAlive()) {
            execution.abort();
            execution.join(ABORT_REPEAT_MS);
        }
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.execution.workflow.ContextManager;
import com.dtolabs.rundeck.core.execution.workflow.LoggerWithContext;
import com.dtolabs.rundeck.core.execution.workflow.NodeRecorder;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowEventLoggerListener;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionListenerImpl;
import com.dtolabs.rundeck.core.logging.ContextLogWriter;
import com.dtolabs.rundeck.core.logging.LogEvent;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.logging.LoggingManager;
import com.dtolabs.rundeck.core.logging.LoggingManagerImpl;
import com.dtolabs.rundeck.core.logging.OverridableStreamingLogWriter;
import com.dtolabs.rundeck.core.logging.internal.LogEventBuffer;
import com.dtolabs.rundeck.core.logging.internal.LogEventBufferManager;
import com.dtolabs.rundeck.core.logging.internal.LogFlusher;
import com.dtolabs.rundeck.core.plugins.PluginConfiguration;
import com.dtolabs.rundeck.core.utils.ThreadBoundLogOutputStream;
import com.dtolabs.rundeck.core.utils.ThreadBoundOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The logging of an execution, connected as in the server: output of steps → buffer → log filters → sink. */
final class Logs implements AutoCloseable {
    final LoggingManager manager;
    /** The execution listener, which is also the workflow listener. */
    final Object listener;

    private final ContextManager steps = new ContextManager();
    private final OverridableStreamingLogWriter writer;
    private final ThreadBoundOutputStream systemOut = ThreadBoundOutputStream.bindSystemOut();
    private final ThreadBoundOutputStream systemErr = ThreadBoundOutputStream.bindSystemErr();
    private final ThreadBoundLogOutputStream<LogEvent, LogEventBuffer> out;
    private final ThreadBoundLogOutputStream<LogEvent, LogEventBuffer> err;

    Logs(EventSink sink, List<PluginConfiguration> jobFilters, StepRecorder recorder) {
        writer = new OverridableStreamingLogWriter(new OverridableStreamingLogWriter(sink));
        manager = new LoggingManagerImpl(writer, new LoggerWithContext(new ContextLogWriter(sink), steps),
                LogFilters::create, jobFilters);
        out = buffered(LogLevel.NORMAL);
        err = buffered(LogLevel.ERROR);
        WorkflowExecutionListenerImpl logging = new WorkflowExecutionListenerImpl(new NodeRecorder(),
                new LoggerWithContext(new ContextLogWriter(writer), steps));
        listener = Fanout.create(logging, List.of(recorder, steps, logging, new WorkflowEventLoggerListener(logging),
                new LogFlusher(out), new LogFlusher(err)));
        systemOut.installThreadStream(out);
        systemErr.installThreadStream(err);
    }

    private ThreadBoundLogOutputStream<LogEvent, LogEventBuffer> buffered(LogLevel level) {
        return new ThreadBoundLogOutputStream<>(writer::addEvent, StandardCharsets.UTF_8,
                charset -> LogEventBufferManager.createManager(level, steps, charset));
    }

    @Override
    public void close() {
        systemOut.removeThreadStream();
        systemErr.removeThreadStream();
        for (OutputStream stream : List.of(out, err)) {
            try {
                stream.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}

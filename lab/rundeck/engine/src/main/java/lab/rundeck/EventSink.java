package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEvent;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.logging.StreamingLogWriter;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Receives the log events after all filters, which the server writes to the log file of the execution. */
final class EventSink implements StreamingLogWriter {
    private final List<Map<String, Object>> lines = new ArrayList<>();
    private final List<String> rendered = new ArrayList<>();
    private final LogLevel threshold;
    private final PrintStream echo;

    /** @param echo also receives each line immediately; may be null */
    EventSink(LogLevel threshold, PrintStream echo) {
        this.threshold = threshold;
        this.echo = echo;
    }

    @Override public void openStream() { }
    @Override public void close() { }

    @Override
    public synchronized void addEvent(LogEvent event) {
        LogLevel level = event.getLoglevel() == null ? LogLevel.NORMAL : event.getLoglevel();
        boolean line = "log".equals(event.getEventType()) && event.getMessage() != null;
        if (!line || !level.belowThreshold(threshold)) {
            return;
        }
        if (event.getMetadata() != null && event.getMetadata().containsKey(RenderFilter.DATA_TYPE)) {
            rendered.add(event.getMessage());
            return;
        }
        lines.add(Map.of("level", level.toString(), "message", event.getMessage()));
        if (echo != null) {
            echo.println(event.getMessage());
            echo.flush();
        }
    }

    /** The parts of the log that a browser renders. */
    synchronized List<String> rendered() {
        return List.copyOf(rendered);
    }

    synchronized List<Map<String, Object>> lines() {
        return List.copyOf(lines);
    }
}

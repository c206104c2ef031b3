package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEventControl;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.logging.PluginLoggingContext;
import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;
import java.util.regex.Pattern;
import java.util.Map;

/** Replaces "quiet-output": logs the lines that match, or those that do not match, at a lower level. */
final class QuietFilter implements LogFilterPlugin {
    private final Pattern regex;
    private final LogLevel level;
    private final boolean quietMatch;

    QuietFilter(Map<String, Object> config) {
        regex = Pattern.compile(LogFilters.text(config, "regex", ".*"), Pattern.DOTALL);
        quietMatch = "true".equals(LogFilters.text(config, "quietMatch", "false"));
        level = LogLevel.looseValueOf(LogFilters.text(config, "loglevel", "verbose"), LogLevel.VERBOSE);
    }

    @Override
    public void handleEvent(PluginLoggingContext context, LogEventControl event) {
        if ("log".equals(event.getEventType()) && event.getLoglevel() == LogLevel.NORMAL
                && event.getMessage() != null && regex.matcher(event.getMessage()).find() == quietMatch) {
            event.setLoglevel(level);
        }
    }
}

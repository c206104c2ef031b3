package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEventControl;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.logging.PluginLoggingContext;
import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Replaces "key-value-data", with the same patterns and the same call of the step's output context. */
final class KeyValueFilter implements LogFilterPlugin {
    private static final int WARN = 2;
    private final Pattern regex;
    private final String invalidKey;
    private final String name;
    private final boolean logData;
    private final Map<String, String> captured = new TreeMap<>();

    KeyValueFilter(Map<String, Object> config) {
        regex = Pattern.compile(LogFilters.text(config, "regex", "^RUNDECK:DATA:\\s*([^\\s]+?)\\s*=\\s*(.+)$"));
        invalidKey = LogFilters.text(config, "invalidKeyPattern", "\\s|\\$|\\{|\\}|\\\\");
        name = LogFilters.text(config, "name", "");
        logData = "true".equals(LogFilters.text(config, "logData", "false"));
    }

    @Override
    public void handleEvent(PluginLoggingContext context, LogEventControl event) {
        // the standard error of a script has the level ERROR and is never captured
        if (!"log".equals(event.getEventType()) || event.getLoglevel() != LogLevel.NORMAL
                || event.getMessage() == null) {
            return;
        }
        Matcher match = regex.matcher(event.getMessage());
        if (match.matches()) {
            boolean named = match.groupCount() == 1;
            keep(context, named ? name : match.group(1), match.group(named ? 1 : 2));
        }
    }

    private void keep(PluginLoggingContext context, String key, String value) {
        if (key.isEmpty()) {
            return;
        }
        String valid = key.replaceAll(invalidKey, "_");
        captured.put(valid, value);
        context.getOutputContext().addOutput("data", valid, value);
    }

    @Override
    public void complete(PluginLoggingContext context) {
        if (logData && !captured.isEmpty()) {
            context.log(WARN, captured.toString());
        }
    }
}

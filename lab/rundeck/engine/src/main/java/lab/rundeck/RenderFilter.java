package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEventControl;
import com.dtolabs.rundeck.core.logging.LogLevel;
import com.dtolabs.rundeck.core.logging.PluginLoggingContext;
import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Replaces "render-datatype": joins the lines between its marks to one event with a data type, for browsers. */
final class RenderFilter implements LogFilterPlugin {
    /** The metadata entry that makes browsers render an event. */
    static final String DATA_TYPE = "content-data-type";
    private static final Pattern BEGIN = Pattern.compile("^#BEGIN:RUNDECK:DATATYPE:(.+)$");
    private static final Pattern END = Pattern.compile("^#END:RUNDECK:DATATYPE$");
    private StringBuilder collected;
    private String dataType;

    @Override
    public void handleEvent(PluginLoggingContext context, LogEventControl event) {
        if (!"log".equals(event.getEventType()) || event.getLoglevel() != LogLevel.NORMAL
                || event.getMessage() == null) {
            return;
        }
        Matcher begin = BEGIN.matcher(event.getMessage());
        if (begin.matches()) {
            dataType = begin.group(1);
            collected = new StringBuilder();
            event.quell();
        } else if (collected != null && END.matcher(event.getMessage()).matches()) {
            event.setMessage(collected.toString()).addMetadata(DATA_TYPE, dataType);
            collected = null;
        } else if (collected != null) {
            collected.append(event.getMessage()).append('\n');
            event.quell();
        }
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEventControl;
import com.dtolabs.rundeck.core.logging.PluginLoggingContext;
import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;

/** Leaves each line as it is. */
final class PassThroughFilter implements LogFilterPlugin {
    @Override public void handleEvent(PluginLoggingContext context, LogEventControl event) { }
}

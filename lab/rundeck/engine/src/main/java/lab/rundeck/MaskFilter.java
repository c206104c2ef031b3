package lab.rundeck;

import com.dtolabs.rundeck.core.logging.LogEventControl;
import com.dtolabs.rundeck.core.logging.PluginLoggingContext;
import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeSet;

/**
 * Replaces "mask-passwords": masks the values of secure options. As in Rundeck, it does not know the secrets that a
 * step itself reads from Key Storage.
 */
final class MaskFilter implements LogFilterPlugin {
    /** The longest first, so that a secret is masked completely if it contains another one. */
    private final TreeSet<String> secrets = new TreeSet<>(
            Comparator.comparing(String::length).reversed().thenComparing(Comparator.naturalOrder()));
    private final String replacement;

    MaskFilter(Map<String, Object> config) {
        replacement = LogFilters.text(config, "replacement", "[SECURE]");
    }

    @Override
    public void init(PluginLoggingContext context) {
        if (context.getPrivateDataContext() != null) {
            add(context.getPrivateDataContext().get("option"));
        }
        if (context.getDataContext() != null) {
            add(context.getDataContext().get("secureOption"));
        }
    }

    private void add(Map<String, String> values) {
        if (values != null) {
            values.values().stream().filter(s -> s != null && !s.isEmpty()).forEach(secrets::add);
        }
    }

    @Override
    public void handleEvent(PluginLoggingContext context, LogEventControl event) {
        if (!"log".equals(event.getEventType()) || event.getMessage() == null) {
            return;
        }
        String masked = event.getMessage();
        for (String secret : secrets) {
            masked = masked.replace(secret, replacement);
        }
        if (!masked.equals(event.getMessage())) {
            event.setMessage(masked);
        }
    }
}

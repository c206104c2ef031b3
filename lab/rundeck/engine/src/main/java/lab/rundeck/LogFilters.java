package lab.rundeck;

import com.dtolabs.rundeck.plugins.logging.LogFilterPlugin;
import java.util.Map;

/** The log filters of the lab. They replace the filters of the server, which are not published. */
final class LogFilters {
    private LogFilters() { }

    /** The filter, or null for an unknown type, which Rundeck reports and ignores. */
    static LogFilterPlugin create(String type, Map<String, Object> config) {
        return switch (type) {
            case "key-value-data" -> new KeyValueFilter(config);
            case "mask-passwords" -> new MaskFilter(config);
            case "quiet-output" -> new QuietFilter(config);
            case "render-datatype" -> new RenderFilter();
            default -> null;
        };
    }

    static String text(Map<String, Object> config, String key, String fallback) {
        Object value = config == null ? null : config.get(key);
        return value == null ? fallback : value.toString();
    }
}

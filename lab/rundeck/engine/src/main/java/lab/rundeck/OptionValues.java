package lab.rundeck;

import com.dtolabs.rundeck.core.dispatcher.DataContextUtils;
import com.dtolabs.rundeck.core.storage.ResourceMeta;
import com.dtolabs.rundeck.core.storage.StorageTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.rundeck.storage.api.StorageException;

/** The options of a run. They are checked before the first step, and divided into the data contexts of Rundeck. */
final class OptionValues {
    /** Options that are available as ${option.NAME} and RD_OPTION_NAME. */
    final Map<String, String> plain = new HashMap<>();
    /** Secure options that are exposed. They are also in {@link #plain}. */
    final Map<String, String> exposed = new HashMap<>();
    /** Secure options that are not exposed. Only plugins can read them. */
    final Map<String, String> secret = new HashMap<>();
    /** Uploaded files by option. Here they are paths of the caller. */
    final Map<String, String> files = new HashMap<>();

    private OptionValues() { }

    /** @throws RunRefused with every invalid option, as in the server */
    static OptionValues of(Job job, Map<String, String> given, StorageTree keys, Map<String, String> jobData)
            throws RunRefused {
        OptionValues out = new OptionValues();
        out.plain.putAll(given); // keep undeclared options, like Rundeck before 6.2
        List<String> wrong = new ArrayList<>();
        for (JobOption option : job.options()) {
            String value = given.getOrDefault(option.name(), option.startValue());
            try {
                value = value.isEmpty() && option.secure() ? stored(option, keys, jobData) : value;
                check(option, value);
                out.keep(option, value);
            } catch (RunRefused e) {
                wrong.add(e.getMessage());
            }
        }
        if (!wrong.isEmpty()) {
            throw new RunRefused("Job options were not valid: " + String.join("\n", wrong));
        }
        return out;
    }

    /** The secret of an option in Key Storage. Its path may contain ${job.NAME} (server: ExecutionService). */
    private static String stored(JobOption option, StorageTree keys, Map<String, String> jobData) throws RunRefused {
        if (option.storagePath().isEmpty()) {
            return "";
        }
        String path = DataContextUtils.replaceDataReferencesInString(option.storagePath(), Map.of("job", jobData));
        try {
            ResourceMeta content = keys.getResource(path).getContents();
            return new String(content.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (StorageException | IOException e) {
            if (!option.required()) {
                return ""; // the server only logs the error
            }
            throw new RunRefused("Option '" + option.name()
                    + "' is required, and the default storage path could not be read: " + path);
        }
    }

    private static void check(JobOption option, String value) throws RunRefused {
        String start = "Option '" + option.name() + "' ";
        if (value.isEmpty()) {
            if (option.required()) {
                throw new RunRefused(start + "is required.");
            }
            return;
        }
        List<String> parts = option.parts(value);
        String shown = option.multivalued() ? parts.toString() : value;
        boolean limited = option.enforced() && !option.values().isEmpty();
        if (limited && !option.values().containsAll(parts)) {
            throw new RunRefused(option.secure() ? invalidSecret(option) : start + (option.multivalued()
                    ? "values: " + shown + " were not all in the allowed values: "
                    : "value: " + shown + " was not in the allowed values: ") + option.values());
        }
        // Rundeck ignores the regex of enforced options
        boolean matched = option.enforced() || option.regex().isEmpty()
                || parts.stream().allMatch(part -> part.matches(option.regex()));
        if (!matched) {
            throw new RunRefused(option.secure() ? invalidSecret(option)
                    : start + "doesn't match regular expression " + option.regex() + ", value: " + shown);
        }
    }

    private static String invalidSecret(JobOption option) {
        return "Secure authentication option '" + option.name() + "' value was invalid.";
    }

    private void keep(JobOption option, String value) {
        String name = option.name();
        plain.remove(name);
        if (option.secure()) {
            if (!value.isEmpty()) {
                (option.exposed() ? exposed : secret).put(name, value);
            }
        } else if (option.file()) {
            if (!value.isEmpty()) {
                files.put(name, value);
                files.put(name + ".fileName", Path.of(value).getFileName().toString());
            }
        } else {
            plain.put(name, value);
            if (option.multivalued()) {
                plain.put(name + ".delimiter", option.delimiter());
            }
        }
        if (option.secure() && option.exposed() && !value.isEmpty()) {
            plain.put(name, value);
        }
    }
}

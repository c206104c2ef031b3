package lab.rundeck;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A job of an exported file, based on its YAML. */
record Job(Map<String, Object> yaml) {
    private static final Pattern DURATION = Pattern.compile("(\\d+)\\s*([dhms]?)");
    private static final Map<String, Long> SECONDS = Map.of("d", 86400L, "h", 3600L, "m", 60L, "s", 1L, "", 1L);

    String name() { return Yaml.text(yaml, "name", ""); }

    String group() { return Yaml.text(yaml, "group", ""); }

    String uuid() { return Yaml.text(yaml, "uuid", Yaml.text(yaml, "id", "")); }

    String path() { return group().isEmpty() ? name() : group() + "/" + name(); }

    boolean is(String reference) {
        return reference.equals(path()) || reference.equals(name()) || reference.equals(uuid());
    }

    /** The options in the order of the file. Older exports have a map by name instead of a list. */
    List<JobOption> options() {
        List<JobOption> out = new ArrayList<>();
        Yaml.list(yaml.get("options")).forEach(o -> out.add(JobOption.of(Yaml.map(o))));
        Yaml.map(yaml.get("options")).forEach((name, o) -> {
            Map<String, Object> named = Yaml.map(o);
            named.put("name", name);
            out.add(JobOption.of(named));
        });
        return out;
    }

    Map<String, Object> sequence() { return Yaml.map(yaml.get("sequence")); }

    List<Map<String, Object>> commands() {
        return Yaml.list(sequence().get("commands")).stream().map(Yaml::map).toList();
    }

    /** The log filters of the whole job, in the format of the "plugins" entry of a step. */
    Map<String, Object> sequencePlugins() { return Yaml.map(sequence().get("pluginConfig")); }

    String strategy() { return Yaml.text(sequence(), "strategy", "node-first"); }

    boolean keepgoing() { return Yaml.flag(sequence(), "keepgoing"); }

    String nodeFilter() { return Yaml.text(Yaml.map(yaml.get("nodefilters")), "filter", ""); }

    private Map<String, Object> dispatch() {
        return Yaml.map(Yaml.map(yaml.get("nodefilters")).get("dispatch"));
    }

    int threadcount() { return Integer.parseInt(Yaml.text(dispatch(), "threadcount", "1")); }

    boolean nodeKeepgoing() { return Yaml.flag(dispatch(), "keepgoing"); }

    /** "90", "20m" or "1h 30m" in milliseconds; 0 means unlimited. */
    long timeoutMs() {
        long seconds = 0;
        Matcher part = DURATION.matcher(Yaml.text(yaml, "timeout", "0"));
        while (part.find()) {
            seconds += Long.parseLong(part.group(1)) * SECONDS.get(part.group(2));
        }
        return seconds * 1000;
    }
}

package lab.rundeck;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** An option of a job file. */
record JobOption(String name, String defaultValue, List<String> values, boolean required, boolean enforced,
                 String regex, boolean multivalued, String delimiter, boolean allByDefault, boolean secure,
                 boolean exposed, String storagePath, boolean file) {

    static JobOption of(Map<String, Object> yaml) {
        return new JobOption(
                Yaml.text(yaml, "name", ""), Yaml.text(yaml, "value", ""), values(yaml),
                Yaml.flag(yaml, "required"), Yaml.flag(yaml, "enforced"), Yaml.text(yaml, "regex", ""),
                Yaml.flag(yaml, "multivalued"), Yaml.text(yaml, "delimiter", ","),
                Yaml.flag(yaml, "multivalueAllSelected"),
                Yaml.flag(yaml, "secure"), Yaml.flag(yaml, "valueExposed"), storagePath(yaml),
                "file".equals(Yaml.text(yaml, "type", "text")));
    }

    private static List<String> values(Map<String, Object> yaml) {
        String joined = yaml.get("values") instanceof String s ? s : null;
        String delimiter = Pattern.quote(Yaml.text(yaml, "valuesListDelimiter", ","));
        return joined == null ? Yaml.texts(yaml.get("values")) : List.of(joined.split(delimiter));
    }

    private static String storagePath(Map<String, Object> yaml) {
        return Yaml.text(yaml, "storagePath", "").replaceFirst("^/", "");
    }

    String startValue() {
        return multivalued && allByDefault ? String.join(delimiter, values) : defaultValue;
    }

    /** The parts of a value that are not empty: several for a multivalued option. */
    List<String> parts(String value) {
        return multivalued
                ? Arrays.stream(value.split(Pattern.quote(delimiter))).filter(s -> !s.isEmpty()).toList()
                : List.of(value);
    }
}

package lab.rundeck;

import java.util.List;
import java.util.Map;

/** What lab/rundeck/__init__.py asks for; the field names are the JSON's. */
record Request(
        String command,
        String base,
        String report,
        List<String> plugins,
        String rundeckVersion,
        String jobFile,
        List<String> jobFiles,
        String job,
        String project,
        String provider,
        Map<String, String> options,
        Map<String, String> keys,
        Map<String, String> projectProperties,
        Map<String, String> frameworkProperties,
        Map<String, Map<String, String>> nodes,
        String nodeFile,
        Access access,
        List<Question> questions,
        String loglevel,
        long abortAfterMs,
        boolean echo) {
}

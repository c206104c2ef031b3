package lab.rundeck;

import java.util.List;
import java.util.Map;

/** The request of lab/rundeck/engine.py. The field names are those of its JSON. */
record Request(
        String command,
        String base,
        String report,
        Map<String, String> environment,
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

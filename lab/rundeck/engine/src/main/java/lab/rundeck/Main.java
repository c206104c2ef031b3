package lab.rundeck;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Reads a request as JSON from standard input, so that secrets do not appear in a process list. Writes a report as JSON
 * to the file that the request names.
 */
public final class Main {
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, true);

    private Main() { }

    /** Exits with 0 if it wrote a report, regardless of the result in it. */
    public static void main(String[] argv) throws Exception {
        Request request = JSON.readValue(System.in, Request.class);
        Files.write(Path.of(request.report()), JSON.writeValueAsBytes(answer(request)));
        System.out.flush();
        System.exit(0); // threads of Rundeck still run
    }

    private static Map<String, Object> answer(Request request) throws Exception {
        return switch (request.command()) {
            case "probe" -> PluginProbe.probe(engine(request), request);
            case "values" -> Dropdown.values(engine(request), request);
            case "check" -> new JobCheck(engine(request)).of(request.jobFiles());
            case "access" -> Decisions.of(request);
            case "nodes" -> ProjectNodes.of(engine(request), request);
            case "run" -> run(request);
            default -> throw new IllegalArgumentException("no such command: " + request.command());
        };
    }

    private static Map<String, Object> run(Request request) throws Exception {
        try {
            return new JobRunner(engine(request), request).run();
        } catch (RunRefused e) {
            return Map.of("refused", e.getMessage());
        }
    }

    private static Engine engine(Request request) throws IOException {
        return new Engine(Path.of(request.base()), request.plugins(), request.frameworkProperties());
    }
}

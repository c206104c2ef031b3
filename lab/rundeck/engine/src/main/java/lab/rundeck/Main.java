package lab.rundeck;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * One request (JSON on standard input, so that key values show in no process list), one report (JSON, in the file
 * that the request names).
 */
public final class Main {
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, true);

    private Main() { }

    /** Exits with 0 when there is a report, whatever it says: the caller judges it. */
    public static void main(String[] argv) throws Exception {
        Request request = JSON.readValue(System.in, Request.class);
        Files.write(Path.of(request.report()), JSON.writeValueAsBytes(answer(request)));
        System.out.flush();
        System.exit(0); // Rundeck leaves threads behind
    }

    private static Map<String, Object> answer(Request request) throws Exception {
        return switch (request.command()) {
            case "probe" -> PluginProbe.probe(engine(request), request);
            case "values" -> Dropdown.values(engine(request), request);
            case "check" -> new JobCheck(engine(request)).of(request.jobFiles());
            case "access" -> Verdicts.of(request);
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

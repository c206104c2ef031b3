package lab.rundeck;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Reads requests, each a line of JSON, from standard input, so that secrets do not appear in a process list. Writes
 * each report as JSON to the file that its request names, and then the name of the file to standard output.
 */
public final class Main {
    /** Rundeck replaces System.out, so the log and the names of reports are written to this stream. */
    static final PrintStream STANDARD_OUTPUT = System.out;
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, true);

    private Main() { }

    /** The argument: a folder for unpacked plugins. Exits with 0 at the end of standard input, and with 1 on errors. */
    public static void main(String[] argv) {
        try {
            serve(Path.of(argv[0]));
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0); // threads of Rundeck still run
    }

    private static void serve(Path plugins) throws Exception {
        Plugins unpacked = new Plugins(plugins);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            Request request = JSON.readValue(line, Request.class);
            Environment.replace(request.environment());
            Files.write(Path.of(request.report()), JSON.writeValueAsBytes(answer(request, unpacked)));
            STANDARD_OUTPUT.println(request.report());
            STANDARD_OUTPUT.flush();
        }
    }

    private static Map<String, Object> answer(Request request, Plugins plugins) throws Exception {
        return switch (request.command()) {
            case "probe" -> PluginProbe.probe(engine(request, plugins), request);
            case "values" -> Dropdown.values(engine(request, plugins), request);
            case "check" -> new JobCheck(engine(request, plugins)).of(request.jobFiles());
            case "access" -> Decisions.of(request);
            case "nodes" -> ProjectNodes.of(engine(request, plugins), request);
            case "run" -> run(request, plugins);
            default -> throw new IllegalArgumentException("no such command: " + request.command());
        };
    }

    private static Map<String, Object> run(Request request, Plugins plugins) throws Exception {
        try {
            return new JobRunner(engine(request, plugins), request).run();
        } catch (RunRefused e) {
            return Map.of("refused", e.getMessage());
        }
    }

    private static Engine engine(Request request, Plugins plugins) throws IOException {
        return new Engine(Path.of(request.base()), plugins.of(request.plugins()), request.frameworkProperties());
    }
}

package lab.rundeck;

import java.lang.reflect.Field;
import java.util.Map;

/**
 * The environment of this process, which Rundeck passes to each script. Java has no method that changes it, so this
 * writes into its copy (java.lang.ProcessEnvironment; the engine starts with java.lang and java.util opened).
 */
final class Environment {
    private Environment() { }

    static void replace(Map<String, String> variables) throws ReflectiveOperationException {
        Map<String, String> unmodifiable = System.getenv();
        Field field = unmodifiable.getClass().getDeclaredField("m");
        field.setAccessible(true);
        @SuppressWarnings("unchecked")
        Map<String, String> environment = (Map<String, String>) field.get(unmodifiable);
        environment.clear();
        environment.putAll(variables);
    }
}

package lab.rundeck;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The decisions of policies on a list of questions. */
final class Decisions {
    private Decisions() { }

    static Map<String, Object> of(Request request) throws Exception {
        AccessControl control = new AccessControl(request.project(), request.access());
        List<Map<String, Object>> answers = request.questions().stream().map(control::answer).toList();
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("answers", answers);
        out.put("invalid", control.invalid);
        return out;
    }
}

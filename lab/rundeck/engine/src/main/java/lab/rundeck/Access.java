package lab.rundeck;

import java.util.List;
import java.util.Map;

/** Who asks, and the policies of server and project by file name. */
record Access(String user, List<String> groups, Map<String, String> serverPolicies,
              Map<String, String> projectPolicies) {
}

package lab.rundeck;

import java.util.List;
import java.util.Map;

/** The user, and the policies of the server and the project by file name. */
record Access(String user, List<String> groups, Map<String, String> serverPolicies,
              Map<String, String> projectPolicies) {
}

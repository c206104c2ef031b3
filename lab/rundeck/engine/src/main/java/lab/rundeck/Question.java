package lab.rundeck;

import com.dtolabs.rundeck.core.authorization.Attribute;
import com.dtolabs.rundeck.core.authorization.AuthorizationUtil;
import com.dtolabs.rundeck.core.common.FrameworkProject;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A permission check: may the project itself, or otherwise the user, perform all these actions on a resource? */
record Question(boolean asProject, boolean application, Map<String, String> resource, List<String> actions) {

    Set<Attribute> environment(String project) {
        return application ? AuthorizationUtil.RUNDECK_APP_ENV : FrameworkProject.authorizationEnvironment(project);
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.configuration.Describable;
import com.dtolabs.rundeck.core.plugins.configuration.PluginAdapterUtility;
import com.dtolabs.rundeck.core.plugins.configuration.PropertyResolver;
import com.dtolabs.rundeck.core.plugins.configuration.PropertyResolverFactory;
import com.dtolabs.rundeck.core.plugins.configuration.PropertyScope;
import com.dtolabs.rundeck.plugins.option.OptionValuesPlugin;
import java.util.List;
import java.util.Map;

/** Gets the values of an OptionValues provider as the server does for a form, with settings of project and server. */
final class Dropdown {
    private Dropdown() { }

    static Map<String, Object> values(Engine engine, Request request) throws Exception {
        engine.createProject(request.project(), request.projectProperties());
        OptionValuesPlugin plugin = engine.plugins.loadProvider(new OptionValuesService(), request.provider());
        PropertyResolver resolver = PropertyResolverFactory.createFrameworkProjectRuntimeResolver(
                engine.framework, request.project(), Map.of(), "OptionValues", request.provider());
        Map<String, Object> settings = PluginAdapterUtility.mapDescribedProperties(
                resolver, ((Describable) plugin).getDescription(), PropertyScope.Instance);
        List<List<String>> rows = plugin.getOptionValues(settings).stream()
                .map(value -> List.of(value.getName(), value.getValue())).toList();
        return Map.of("values", rows);
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.ProviderIdent;
import com.dtolabs.rundeck.core.plugins.configuration.Describable;
import com.dtolabs.rundeck.core.plugins.configuration.Description;

/** The providers of plugins. Rundeck wraps steps in adapters. */
final class Providers {
    private Providers() { }

    /** The description, or null if the provider has none. */
    static Description description(Engine engine, ProviderIdent id) throws Exception {
        return provider(engine, id) instanceof Describable d ? d.getDescription() : null;
    }

    private static Object provider(Engine engine, ProviderIdent id) throws Exception {
        String name = id.getProviderName();
        var services = engine.services;
        return switch (id.getService()) {
            case "WorkflowStep" -> services.getStepExecutionService().providerOfType(name);
            case "WorkflowNodeStep", "RemoteScriptNodeStep" ->
                    services.getNodeStepExecutorService().providerOfType(name);
            case "NodeExecutor" -> engine.plugins.loadProvider(services.getNodeExecutorService(), name);
            case "FileCopier" -> engine.plugins.loadProvider(services.getFileCopierService(), name);
            case "ResourceModelSource" -> engine.plugins.loadProvider(services.getResourceModelSourceService(), name);
            case "OptionValues" -> engine.plugins.loadProvider(new OptionValuesService(), name);
            default -> throw new IllegalArgumentException("no such service in rundeck-core: " + id.getService());
        };
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.execution.service.ProviderLoaderException;
import com.dtolabs.rundeck.core.execution.service.ScriptOptionValues;
import com.dtolabs.rundeck.core.plugins.CloseableProvider;
import com.dtolabs.rundeck.core.plugins.PluggableService;
import com.dtolabs.rundeck.core.plugins.ProviderLoader;
import com.dtolabs.rundeck.core.plugins.ScriptPluginProvider;
import com.dtolabs.rundeck.core.plugins.ScriptPluginProviderLoadable;
import com.dtolabs.rundeck.plugins.option.OptionValuesPlugin;

/** Replaces the OptionValues service of the server. The script runs in rundeck-core. */
final class OptionValuesService implements PluggableService<OptionValuesPlugin>,
        ScriptPluginProviderLoadable<OptionValuesPlugin> {
    @Override public String getName() { return "OptionValues"; }

    @Override public boolean canLoadWithLoader(ProviderLoader loader) { return loader.canLoadForService(this); }

    @Override
    public OptionValuesPlugin loadWithLoader(String name, ProviderLoader loader) throws ProviderLoaderException {
        return loader.load(this, name);
    }

    @Override
    public CloseableProvider<OptionValuesPlugin> loadCloseableWithLoader(String name, ProviderLoader loader)
            throws ProviderLoaderException {
        return loader.loadCloseable(this, name);
    }

    @Override
    public OptionValuesPlugin createScriptProviderInstance(ScriptPluginProvider provider) {
        return new ScriptOptionValues(provider, null);
    }
}

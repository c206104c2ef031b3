package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.FilePluginCache;
import com.dtolabs.rundeck.core.plugins.JarPluginScanner;
import com.dtolabs.rundeck.core.plugins.PluginDirChangeEventListener;
import com.dtolabs.rundeck.core.plugins.PluginDirProvider;
import com.dtolabs.rundeck.core.plugins.PluginManagerService;
import com.dtolabs.rundeck.core.plugins.ProviderLoader;
import com.dtolabs.rundeck.core.plugins.ScriptPluginScanner;
import com.dtolabs.rundeck.core.utils.cache.FileCache;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Rundeck's plugin managers, one for each set of zips: they unpack a zip once, not for each run, as on a server. */
final class Plugins {
    private final Path home;
    private final Map<List<String>, PluginManagerService> managers = new HashMap<>();

    Plugins(Path home) {
        this.home = home;
    }

    /** The manager for these zips. A zip that has changed since is another zip. */
    PluginManagerService of(List<String> zips) throws IOException {
        List<String> states = new ArrayList<>();
        for (String zip : zips) {
            Path path = Path.of(zip);
            states.add(zip + " " + Files.getLastModifiedTime(path) + " " + Files.size(path));
        }
        PluginManagerService manager = managers.get(states);
        if (manager == null) {
            manager = wired(libext(zips));
            managers.put(states, manager);
        }
        return manager;
    }

    private Path libext(List<String> zips) throws IOException {
        Path libext = home.resolve("libext-" + managers.size());
        Files.createDirectories(libext.resolve("cache"));
        for (String zip : zips) {
            Path source = Path.of(zip);
            Files.copy(source, libext.resolve(source.getFileName()));
        }
        return libext;
    }

    private static PluginManagerService wired(Path libext) {
        File folder = libext.toFile();
        File cache = libext.resolve("cache").toFile();
        FileCache<ProviderLoader> loaded = new FileCache<>();
        PluginDirProvider dir = new FixedPluginDir(folder);
        FilePluginCache found = new FilePluginCache(loaded);
        found.addScanner(new JarPluginScanner(dir, cache, loaded));
        found.addScanner(new ScriptPluginScanner(dir, cache, loaded));
        PluginManagerService manager = new PluginManagerService(folder, cache, found);
        manager.setServiceAliases(Map.of("WorkflowNodeStep", "RemoteScriptNodeStep"));
        return manager;
    }

    private record FixedPluginDir(File dir) implements PluginDirProvider {
        @Override public File getPluginDir() { return dir; }
        @Override public void registerDirChangeEventListener(PluginDirChangeEventListener listener) { }
    }
}

package lab.rundeck;

import com.dtolabs.rundeck.core.common.BaseFrameworkExecutionProviders;
import com.dtolabs.rundeck.core.common.BaseFrameworkExecutionServices;
import com.dtolabs.rundeck.core.common.Framework;
import com.dtolabs.rundeck.core.common.FrameworkExecutionProviderServices;
import com.dtolabs.rundeck.core.common.FrameworkFactory;
import com.dtolabs.rundeck.core.common.IExecutionProviders;
import com.dtolabs.rundeck.core.common.ServiceSupport;
import com.dtolabs.rundeck.core.execution.ExecutionServiceImpl;
import com.dtolabs.rundeck.core.plugins.PluginManagerService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** A base directory of Rundeck and a Framework that uses it, configured as in the server's Spring context. */
final class Engine {
    final Framework framework;
    final PluginManagerService plugins;
    final BaseFrameworkExecutionServices services = new BaseFrameworkExecutionServices();

    Engine(Path base, PluginManagerService plugins, Map<String, String> properties) throws IOException {
        System.setProperty("rdeck.base", base.toString());
        for (String dir : List.of("etc", "var/tmp", "projects", "logs")) {
            Files.createDirectories(base.resolve(dir));
        }
        writeProperties(base, properties);
        this.plugins = plugins;
        FrameworkExecutionProviderServices providers = new FrameworkExecutionProviderServices();
        providers.setFrameworkExecutionServices(services);
        plugins.setFrameworkExecutionProviderServices(providers);
        framework = framework(base);
        services.setFramework(framework);
    }

    private static void writeProperties(Path base, Map<String, String> extra) throws IOException {
        Properties p = new Properties();
        p.setProperty("framework.server.name", "localhost");
        p.setProperty("framework.server.hostname", "localhost");
        p.setProperty("framework.server.port", "4440");
        p.setProperty("framework.server.url", "http://localhost:4440");
        p.setProperty("framework.ssh.user", "rundeck");
        p.setProperty("framework.ssh.keypath", base.resolve("none").toString());
        p.setProperty("framework.ssh.timeout", "0");
        p.setProperty("rdeck.base", base.toString());
        p.setProperty("framework.projects.dir", base.resolve("projects").toString());
        p.setProperty("framework.etc.dir", base.resolve("etc").toString());
        p.setProperty("framework.var.dir", base.resolve("var").toString());
        p.setProperty("framework.tmp.dir", base.resolve("var/tmp").toString());
        p.setProperty("framework.logs.dir", base.resolve("logs").toString());
        extra.forEach(p::setProperty);
        try (var out = Files.newOutputStream(base.resolve("etc/framework.properties"))) {
            p.store(out, null);
        }
    }

    private Framework framework(Path base) {
        IExecutionProviders steps = BaseFrameworkExecutionProviders.create(services);
        ExecutionServiceImpl execution = new ExecutionServiceImpl();
        execution.setExecutionProviders(steps);
        ServiceSupport support = new ServiceSupport();
        support.setExecutionServices(services);
        support.setExecutionProviders(steps);
        support.setExecutionService(execution);
        support.setService(PluginManagerService.SERVICE_NAME, plugins);
        return FrameworkFactory.createForFilesystem(base.toString(), support);
    }

    /** Creates the project with these properties, such as project.plugin.SERVICE.PROVIDER.PROPERTY. */
    void createProject(String name, Map<String, String> properties) {
        Properties p = new Properties();
        p.setProperty("project.name", name);
        properties.forEach(p::setProperty);
        framework.getFrameworkProjectMgr().createFrameworkProject(name, p);
        // Write them again: createFrameworkProject adds a node source if there is none, which the server does not.
        framework.getFrameworkProjectMgr().getFrameworkProject(name).setProjectProperties(p);
    }
}

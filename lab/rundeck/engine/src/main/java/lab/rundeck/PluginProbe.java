package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.MetaProbe;
import com.dtolabs.rundeck.core.plugins.ProviderIdent;
import com.dtolabs.rundeck.core.plugins.configuration.Description;
import com.dtolabs.rundeck.core.plugins.configuration.Property;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Loads a plugin zip as the server does, and describes each provider in it. */
final class PluginProbe {
    private PluginProbe() { }

    static Map<String, Object> probe(Engine engine, Request request) throws Exception {
        Path zip = Path.of(request.plugins().get(0));
        Map<String, Object> out = MetaProbe.probe(zip.toFile(), request.rundeckVersion());
        List<ProviderIdent> found = new ArrayList<>(engine.plugins.listProviders());
        found.sort(Comparator.comparing(ProviderIdent::getService).thenComparing(ProviderIdent::getProviderName));
        out.put("providers", found.stream().map(id -> describe(engine, id)).toList());
        if (!found.isEmpty()) {
            ProviderIdent any = found.get(0);
            out.put("pictures", PluginResources.pictures(engine, any));
            out.put("texts", PluginResources.texts(engine, any, StandardCharsets.UTF_8));
            out.put("textsAsLatin1", PluginResources.texts(engine, any, StandardCharsets.ISO_8859_1));
        }
        return out;
    }

    private static Map<String, Object> describe(Engine engine, ProviderIdent id) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("service", id.getService());
        out.put("name", id.getProviderName());
        try {
            Description description = Providers.description(engine, id);
            if (description != null) {
                out.put("title", description.getTitle());
                out.put("description", description.getDescription());
                out.put("properties", description.getProperties().stream().map(PluginProbe::property).toList());
            }
            out.put("resources", PluginResources.names(engine, id));
        } catch (Exception | LinkageError e) { // report any reason why the provider cannot be loaded
            out.put("error", causes(e));
        }
        return out;
    }

    private static Map<String, Object> property(Property p) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("name", p.getName());
        m.put("title", p.getTitle());
        m.put("description", p.getDescription());
        m.put("type", String.valueOf(p.getType()));
        m.put("required", p.isRequired());
        m.put("default", p.getDefaultValue());
        m.put("values", p.getSelectValues());
        m.put("scope", p.getScope() == null ? null : p.getScope().name());
        m.put("rendering", p.getRenderingOptions());
        return m;
    }

    static String causes(Throwable t) {
        return t.getCause() == null ? t.toString() : t + " <- " + causes(t.getCause());
    }
}

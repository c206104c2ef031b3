package com.dtolabs.rundeck.core.plugins;

import com.dtolabs.rundeck.core.VersionConstants;
import com.dtolabs.rundeck.core.plugins.metadata.PluginMeta;
import java.io.File;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Validates a zip with Rundeck's code, which is package-private: hence the package of this class. */
public final class MetaProbe {
    private MetaProbe() { }

    /** The state and messages of the metadata, validated for a version of Rundeck (null: the version of the engine). */
    public static Map<String, Object> probe(File zip, String rundeckVersion) {
        String version = rundeckVersion == null ? VersionConstants.VERSION : rundeckVersion;
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("file", zip.getName());
        out.put("rundeck_version", version);
        try {
            PluginMeta meta = ScriptPluginProviderLoader.loadMeta(zip);
            if (meta != null) {
                out.put("name", meta.getName());
                out.put("version", meta.getVersion());
            }
            PluginValidation verdict = ScriptPluginProviderLoader.validatePluginMeta(meta, zip, version);
            return verdict(out, verdict.getState().name(), verdict.getMessages());
        } catch (IOException | RuntimeException e) {
            return verdict(out, "INVALID", List.of(e.toString()));
        }
    }

    private static Map<String, Object> verdict(Map<String, Object> out, String state, List<String> messages) {
        out.put("state", state);
        out.put("messages", messages == null ? List.of() : messages);
        return out;
    }
}

package com.dtolabs.rundeck.core.plugins;

import com.dtolabs.rundeck.core.VersionConstants;
import com.dtolabs.rundeck.core.plugins.metadata.PluginMeta;
import java.io.File;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Rundeck's verdict on a zip. Lives in Rundeck's package because its validation is package-private. */
public final class MetaProbe {
    private MetaProbe() { }

    /** State and messages of the zip's metadata, judged as the given Rundeck version (null: this one) would. */
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

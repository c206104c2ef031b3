package lab.rundeck;

import com.dtolabs.rundeck.core.plugins.PluginResourceLoader;
import com.dtolabs.rundeck.core.plugins.ProviderIdent;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import javax.imageio.ImageIO;

/** The pictures and texts of a plugin, as Rundeck's loader finds them. */
final class PluginResources {
    private PluginResources() { }

    static List<String> names(Engine engine, ProviderIdent id) throws Exception {
        return loader(engine, id).listResources();
    }

    /** Width and height of each picture. */
    static Map<String, List<Integer>> pictures(Engine engine, ProviderIdent id) throws Exception {
        Map<String, List<Integer>> found = new TreeMap<>();
        for (String name : names(engine, id)) {
            if (name.endsWith(".png")) {
                try (InputStream in = loader(engine, id).openResourceStreamFor(name)) {
                    BufferedImage picture = ImageIO.read(in);
                    found.put(name, List.of(picture.getWidth(), picture.getHeight()));
                }
            }
        }
        return found;
    }

    /** The texts of each file, in UTF-8 as in the server. The default of Java was another encoding. */
    static Map<String, Properties> texts(Engine engine, ProviderIdent id, Charset charset) throws Exception {
        Map<String, Properties> found = new TreeMap<>();
        for (String name : names(engine, id)) {
            if (name.endsWith(".properties")) {
                try (InputStream in = loader(engine, id).openResourceStreamFor(name);
                        Reader reader = new InputStreamReader(in, charset)) {
                    Properties texts = new Properties();
                    texts.load(reader);
                    found.put(name, texts);
                }
            }
        }
        return found;
    }

    private static PluginResourceLoader loader(Engine engine, ProviderIdent id) throws Exception {
        return engine.plugins.getResourceLoader(id.getService(), id.getProviderName());
    }
}

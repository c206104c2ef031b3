package lab.rundeck;

import com.dtolabs.rundeck.core.storage.ResourceMeta;
import com.dtolabs.rundeck.core.storage.StorageTree;
import com.dtolabs.rundeck.core.storage.StorageUtil;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.rundeck.storage.api.HasInputStream;
import org.rundeck.storage.api.PathUtil;
import org.rundeck.storage.api.StorageException;
import org.rundeck.storage.data.MemoryTree;

/** Replaces Key Storage: Rundeck's tree of passwords, in memory and without access control. */
final class KeyStorage {
    private static final Map<String, String> PASSWORD = Map.of(
            "Rundeck-content-type", "application/x-rundeck-data-password", "Rundeck-data-type", "password");

    private KeyStorage() { }

    static StorageTree of(Map<String, String> keys) {
        MemoryTree<ResourceMeta> memory = new MemoryTree<>();
        keys.forEach((path, value) -> memory.createResource(path, StorageUtil.withStream(
                new Content(value.getBytes(StandardCharsets.UTF_8)), PASSWORD)));
        return answeringMissingPaths(StorageUtil.asStorageTree(memory));
    }

    /** Throws a StorageException for a missing path, like the trees of the server and unlike MemoryTree. */
    private static StorageTree answeringMissingPaths(StorageTree tree) {
        return (StorageTree) Proxy.newProxyInstance(KeyStorage.class.getClassLoader(),
                new Class<?>[]{StorageTree.class}, (proxy, method, args) -> {
                    try {
                        return method.invoke(tree, args);
                    } catch (InvocationTargetException e) {
                        if (e.getCause() instanceof IllegalArgumentException && args != null) {
                            String path = args[0].toString();
                            throw StorageException.readException(PathUtil.asPath(path),
                                    "Path does not exist: " + path);
                        }
                        throw e.getCause();
                    }
                });
    }

    private record Content(byte[] bytes) implements HasInputStream {
        @Override public InputStream getInputStream() { return new ByteArrayInputStream(bytes); }

        @Override
        public long writeContent(OutputStream to) throws IOException {
            to.write(bytes);
            return bytes.length;
        }
    }
}

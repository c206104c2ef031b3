import java.util.ArrayList;
import java.util.List;

/** Two workers want one inventory; with the argument "crash" its heap overflows instead. */
public final class Service {
    private final Object inventory = new Object();

    public static void main(String[] args) throws InterruptedException {
        if (args.length > 0 && args[0].equals("crash")) {
            fillCache();
        }
        Service service = new Service();
        new Thread(service::reserveInventory, "worker-1").start();
        new Thread(service::reserveInventory, "worker-2").start();
        System.out.println("service: ready");
        Thread.sleep(Long.MAX_VALUE);
    }

    private static void fillCache() {
        List<byte[]> cache = new ArrayList<>();
        while (true) {
            cache.add(new byte[64 * 1024]);
        }
    }

    private void reserveInventory() {
        synchronized (inventory) {
            while (true) {
                try {
                    Thread.sleep(1000);
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        }
    }
}

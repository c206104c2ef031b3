import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** A shop's checkout whose two workers have locked each other out, while its cart cache grows to 64 MB. */
public final class Checkout {
    private static final int CHUNK = 256 * 1024;
    private static final int CAP = 64 * 1024 * 1024;

    private final Object inventory = new Object();
    private final Object payment = new Object();
    private final CountDownLatch bothHoldOne = new CountDownLatch(2);
    private final List<byte[]> cartCache = new ArrayList<>();

    public static void main(String[] args) throws InterruptedException {
        Checkout checkout = new Checkout();
        new Thread(() -> checkout.reserve(checkout.inventory, checkout.payment), "checkout-1").start();
        new Thread(() -> checkout.reserve(checkout.payment, checkout.inventory), "checkout-2").start();
        checkout.serve();
    }

    private void reserve(Object first, Object second) {
        synchronized (first) {
            bothHoldOne.countDown();
            awaitBoth();
            synchronized (second) {
                System.out.println("never reached");
            }
        }
    }

    private void awaitBoth() {
        try {
            bothHoldOne.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve() throws InterruptedException {
        System.out.println("checkout: ready");
        for (int tick = 0; ; tick++) {
            if (cartCache.size() < CAP / CHUNK) {
                cartCache.add(new byte[CHUNK]);
            }
            if (tick % 10 == 0) {
                System.out.printf("checkout: %d carts cached, 2 orders waiting%n", cartCache.size());
            }
            Thread.sleep(1000);
        }
    }
}

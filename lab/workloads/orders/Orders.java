import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/** A healthy service: a producer, and three workers that mostly wait for orders. */
public final class Orders {
    private final BlockingQueue<Long> queue = new ArrayBlockingQueue<>(100);
    private final AtomicLong packed = new AtomicLong();

    public static void main(String[] args) throws InterruptedException {
        Orders orders = new Orders();
        for (int number = 1; number <= 3; number++) {
            new Thread(orders::work, "orders-worker-" + number).start();
        }
        orders.receive();
    }

    private void receive() throws InterruptedException {
        System.out.println("orders: ready");
        for (long order = 1; ; order++) {
            queue.put(order);
            if (order % 20 == 0) {
                System.out.printf("orders: %d packed, %d queued%n", packed.get(), queue.size());
            }
            Thread.sleep(500);
        }
    }

    private void work() {
        try {
            while (true) {
                pack(queue.take());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void pack(long order) throws InterruptedException {
        Thread.sleep(100 + order % 7);
        packed.incrementAndGet();
    }
}

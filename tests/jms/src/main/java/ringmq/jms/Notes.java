package ringmq.jms;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** What a listener notes, and a latch for how many are expected. */
final class Notes {
    final List<String> seen = new CopyOnWriteArrayList<>();
    final AtomicReference<Exception> failure = new AtomicReference<>();
    private final CountDownLatch latch;

    Notes(int count) {
        latch = new CountDownLatch(count);
    }

    /** Adds a text and does something that may throw. */
    void add(String text, Check.Throwing work) {
        seen.add(text);
        try {
            work.run();
        } catch (Exception e) {
            failure.compareAndSet(null, e);
        }
        latch.countDown();
    }

    void expect(String... texts) throws InterruptedException {
        Check.that(latch.await(10, TimeUnit.SECONDS), texts.length + " deliveries, came " + seen);
        Check.equal(List.of(texts), seen, "deliveries");
        Check.absent(failure.get(), "exception in the listener");
    }
}

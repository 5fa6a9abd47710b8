package ringmq.jms;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.CompletionListener;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageProducer;
import javax.jms.Session;

/**
 * Numbered messages that are sent while something happens to the broker or to the connection, and the judgement of
 * what is in the queue afterwards: what was acked is there, once and in order, what failed is there at most once, and
 * nothing else is there. Blocking sends go on in a thread of their own all the time; asynchronous ones come in bursts.
 */
final class Sending {
    private final Session session;
    private final MessageProducer producer;
    private final Set<String> acked = new ConcurrentSkipListSet<>();
    private final Set<String> failed = new ConcurrentSkipListSet<>();
    private final AtomicInteger tried = new AtomicInteger();
    private final Thread thread = new Thread(this::run, "sending");
    private volatile boolean enough;

    private Sending(Connection connection, String queue) throws JMSException {
        session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        producer = session.createProducer(session.createQueue(queue));
    }

    /** Begins to send, one message after the other. */
    static Sending start(Connection connection, String queue) throws JMSException {
        Sending sending = new Sending(connection, queue);
        sending.thread.setDaemon(true);
        sending.thread.start();
        return sending;
    }

    /** Sends nothing but bursts. */
    static Sending inBursts(Connection connection, String queue) throws JMSException {
        return new Sending(connection, queue);
    }

    private void run() {
        while (!enough) {
            String text = next();
            try {
                producer.send(session.createTextMessage(text));
                acked.add(text);
            } catch (JMSException e) {
                failed.add(text);
            }
        }
    }

    /** Sends asynchronously and waits for nothing. */
    void burst(int count) {
        for (int i = 0; i < count; i++) {
            String text = next();
            try {
                producer.send(session.createTextMessage(text), new Completion(text));
            } catch (JMSException e) {
                failed.add(text);
            }
        }
    }

    private String next() {
        return String.format("%07d", tried.getAndIncrement());
    }

    private final class Completion implements CompletionListener {
        private final String text;

        Completion(String text) {
            this.text = text;
        }

        @Override
        public void onCompletion(Message message) {
            acked.add(text);
        }

        @Override
        public void onException(Message message, Exception exception) {
            failed.add(text);
        }
    }

    /** Waits until so many more sends were acked. */
    void awaitAcked(int more) {
        int goal = acked.size() + more;
        long end = System.nanoTime() + 20_000_000_000L;
        while (acked.size() < goal) {
            Check.that(System.nanoTime() < end, more + " more acked sends after 20 s, acked so far " + acked.size()
                    + ", failed " + failed.size() + ", tried " + tried.get());
            Thread.onSpinWait();
        }
    }

    /** Ends the thread and waits until every send was answered, one way or the other. */
    void end() throws InterruptedException {
        enough = true;
        thread.join(20_000);
        Check.that(!thread.isAlive(), "the sender hangs");
        awaitAnswers();
    }

    /** Waits until every send so far was answered. */
    void awaitAnswers() {
        long end = System.nanoTime() + 10_000_000_000L;
        while (answered().size() < tried.get()) {
            Check.that(System.nanoTime() < end, tried.get() + " sends, answered only " + answered().size());
            Thread.onSpinWait();
        }
    }

    private Set<String> answered() {
        Set<String> all = new TreeSet<>(acked);
        all.addAll(failed);
        return all;
    }

    void judge(List<String> found) {
        Set<String> different = new HashSet<>(found);
        String before = "";
        for (String text : found) {
            Check.that(before.compareTo(text) < 0, text + " came after " + before);
            before = text;
        }
        Set<String> lost = new TreeSet<>(acked);
        lost.removeAll(different);
        Check.equal(Set.of(), lost, "acked but lost");
        Set<String> strange = new TreeSet<>(different);
        strange.removeAll(answered());
        Check.equal(Set.of(), strange, "found but never sent");
    }
}

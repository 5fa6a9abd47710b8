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
 * A thread that sends numbered messages all the time while something happens to the broker or to the connection, and
 * the judgement of what is in the queue afterwards: what was acked is there exactly once (and in order, unless
 * asynchronous), what failed is there at most once, and nothing else is there.
 */
final class Sending {
    private final Session session;
    private final MessageProducer producer;
    private final boolean async;
    private final Set<String> acked = new ConcurrentSkipListSet<>();
    private final Set<String> failed = new ConcurrentSkipListSet<>();
    private final AtomicInteger tried = new AtomicInteger();
    private final Thread thread = new Thread(this::run, "sending");
    private volatile boolean enough;

    private Sending(Session session, MessageProducer producer, boolean async) {
        this.session = session;
        this.producer = producer;
        this.async = async;
    }

    /** Begins to send; `async` sends with a completion listener. */
    static Sending start(Connection connection, String queue, boolean async) throws JMSException {
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Sending sending = new Sending(session, session.createProducer(session.createQueue(queue)), async);
        sending.thread.setDaemon(true);
        sending.thread.start();
        return sending;
    }

    private void run() {
        while (!enough) {
            String text = String.format("%07d", tried.getAndIncrement());
            try {
                Message message = session.createTextMessage(text);
                if (async) {
                    producer.send(message, new Completion(text));
                } else {
                    producer.send(message);
                    acked.add(text);
                }
            } catch (JMSException e) {
                failed.add(text);
            }
            // Asynchronous sends do not wait, and the test is not about millions.
            while (async && !enough && tried.get() - acked.size() - failed.size() > 50) {
                Thread.onSpinWait();
            }
        }
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
        // A client that has lost its connection writes again what was not confirmed, and a thread that goes on sending
        // meanwhile may come in between: that happens with the reference broker as well.
        String before = "";
        for (String text : async ? List.<String>of() : found) {
            Check.that(before.compareTo(text) <= 0, text + " came after " + before);
            before = text;
        }
        Set<String> different = new HashSet<>(found);
        Check.equal(found.size(), different.size(), "number of different messages");
        Set<String> lost = new TreeSet<>(acked);
        lost.removeAll(different);
        Check.equal(Set.of(), lost, "acked but lost");
        Set<String> strange = new TreeSet<>(different);
        strange.removeAll(answered());
        Check.equal(Set.of(), strange, "found but never sent");
    }
}

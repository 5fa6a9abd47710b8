package ringmq.jms;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * The load of a kill loop. It judges nothing: it says line by line what it was told, and somebody else compares.
 *
 * <pre>
 * S id   the send was acked (or its transaction committed)      s id   it failed: stored or not, nobody knows
 * R id   received, and the acknowledgement or commit answered   r id   that failed: gone or not, nobody knows
 * B id   received in a transaction that was rolled back for certain: it must come again
 * E why  something else failed                                  END    the load is over
 * </pre>
 *
 * A line is written after the answer came and before the next request is made, and is flushed at once; whoever kills
 * this program loses at most the line of one answer for each thread.
 */
final class Load {
    static final String ID = "id";

    private final LoadPlan plan;
    private final PrintStream out;
    private final ActiveMQConnectionFactory factory;
    private volatile boolean over;

    Load(String url, LoadPlan plan, PrintStream out) {
        this.plan = plan;
        this.out = out;
        this.factory = new ActiveMQConnectionFactory(
                url + "?blockOnAcknowledge=true&initialConnectAttempts=-1&" + plan.parameters());
    }

    boolean run() throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < plan.producers(); i++) {
            String prefix = plan.prefix() + i + "-";
            threads.add(thread("producer " + i, () -> produce(prefix)));
        }
        for (int i = 0; i < plan.consumers(); i++) {
            boolean transacted = i % 2 == 1;
            threads.add(thread("consumer " + i, () -> consume(transacted)));
        }
        threads.forEach(Thread::start);
        Thread.sleep(plan.seconds() * 1000L);
        over = true;
        boolean ended = true;
        for (Thread thread : threads) {
            thread.join(20_000);
            if (thread.isAlive()) {
                say("E", thread.getName() + " hangs");
                ended = false;
            }
        }
        factory.close();
        out.println("END");
        return ended;
    }

    private interface Work {
        void run() throws JMSException;
    }

    private Thread thread(String name, Work work) {
        Thread thread = new Thread(() -> {
            while (!over) {
                try {
                    work.run();
                } catch (JMSException e) {
                    // A connection that is lost for good is opened again.
                    say("E", name + ": " + e);
                }
            }
        }, name);
        thread.setDaemon(true);
        return thread;
    }

    private synchronized void say(String what, String id) {
        out.println(what + " " + id.replace('\n', ' '));
        out.flush();
    }

    private void sayAll(String what, List<String> ids) {
        ids.forEach(id -> say(what, id));
        ids.clear();
    }

    /** Ids stay unique when a producer begins again, because its numbers begin at the time. */
    private void produce(String prefix) throws JMSException {
        try (Connection connection = factory.createConnection();
                Session session = connection.createSession(plan.txSends(), Session.AUTO_ACKNOWLEDGE)) {
            MessageProducer producer = session.createProducer(session.createQueue(plan.queue()));
            String filling = "x".repeat(plan.size());
            List<String> open = new ArrayList<>();
            for (long n = System.nanoTime(); !over; n++) {
                String id = prefix + n;
                TextMessage message = session.createTextMessage(filling);
                message.setStringProperty(ID, id);
                open.add(id);
                send(session, producer, message, open);
            }
            sayAll("s", open);
        }
    }

    private void send(Session session, MessageProducer producer, Message message, List<String> open) {
        try {
            producer.send(message);
            if (!plan.txSends()) {
                sayAll("S", open);
            } else if (open.size() >= plan.batch()) {
                session.commit();
                sayAll("S", open);
            }
        } catch (JMSException e) {
            sayAll("s", open);
            rollback(session);
        }
    }

    private void rollback(Session session) {
        try {
            if (session.getTransacted()) {
                session.rollback();
            }
        } catch (JMSException e) {
            say("E", "rollback: " + e);
        }
    }

    private void consume(boolean transacted) throws JMSException {
        int mode = transacted ? Session.SESSION_TRANSACTED : Session.CLIENT_ACKNOWLEDGE;
        try (Connection connection = factory.createConnection();
                Session session = connection.createSession(transacted, mode)) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(plan.queue()));
            connection.start();
            List<String> open = new ArrayList<>();
            Message last = null;
            while (!over || !open.isEmpty()) {
                Message message = over ? null : consumer.receive(100);
                if (message != null) {
                    open.add(message.getStringProperty(ID));
                    last = message;
                }
                if (!open.isEmpty() && (message == null || open.size() >= plan.batch())) {
                    settle(session, last, open);
                }
            }
        }
    }

    /** Commits or acknowledges what is open and says how that ended. */
    private void settle(Session session, Message last, List<String> open) {
        try {
            if (session.getTransacted()) {
                session.commit();
            } else {
                last.acknowledge();
            }
            sayAll("R", open);
        } catch (TransactionRolledBackException e) {
            // The client found the connection lost before it had sent the commit, or the broker refused it.
            sayAll("B", open);
        } catch (JMSException e) {
            sayAll("r", open);
        }
    }

    /** Takes everything out of a queue, one blocking acknowledgement at a time, and ends with `DRAINED n`. */
    static boolean drain(String url, String queue, PrintStream out) throws JMSException {
        String full = url + "?callTimeout=10000&blockOnAcknowledge=true";
        int count = 0;
        try (ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(full);
                Connection connection = factory.createConnection();
                Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE)) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            connection.start();
            for (Message m = consumer.receiveNoWait(); m != null; m = consumer.receiveNoWait()) {
                m.acknowledge();
                out.println("R " + m.getStringProperty(ID));
                count++;
            }
        }
        out.println("DRAINED " + count);
        return true;
    }
}

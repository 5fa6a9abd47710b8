package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import org.apache.activemq.artemis.api.core.client.FailoverEventType;
import org.apache.activemq.artemis.jms.client.ActiveMQConnection;

/**
 * The TCP connection breaks in the middle of work, again and again, and the client has a confirmation window: its
 * sessions go on, no call fails, and everything counts once, in order, as if nothing had happened.
 */
final class ReattachCases {
    private static final String WINDOW =
            "reconnectAttempts=-1&retryInterval=20&callTimeout=15000&confirmationWindowSize=1048576";
    private static final int CUTS = 3;

    private ReattachCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("reattach_blocking_sends", ReattachCases::blockingSends),
                Case.of("reattach_async_sends", ReattachCases::asyncSends),
                Case.of("reattach_listener", ReattachCases::listener),
                Case.of("reattach_transactions", ReattachCases::transactions),
                Case.of("reattach_client_acknowledge", ReattachCases::clientAcknowledge));
    }

    /** Cuts a connection now and then, in a thread of its own, until enough cuts were survived. */
    private static final class Cutter {
        private final Thread thread;
        private volatile boolean done;
        private volatile int survived;

        Cutter(Connection connection, long seed) throws JMSException {
            Random random = new Random(seed);
            BlockingQueue<FailoverEventType> events = new LinkedBlockingQueue<>();
            ((ActiveMQConnection) connection).setFailoverListener(events::add);
            thread = new Thread(() -> {
                try {
                    while (survived < CUTS) {
                        Thread.sleep(random.nextInt(30));
                        CutCases.cut(connection);
                        FailoverEventType event = events.poll(15, TimeUnit.SECONDS);
                        while (event == FailoverEventType.FAILURE_DETECTED) {
                            event = events.poll(15, TimeUnit.SECONDS);
                        }
                        if (event != FailoverEventType.FAILOVER_COMPLETED) {
                            break;
                        }
                        survived++;
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                done = true;
            }, "cutting");
            thread.setDaemon(true);
            thread.start();
        }

        boolean isDone() {
            return done;
        }

        void judge() throws InterruptedException {
            thread.join(20_000);
            Check.equal(CUTS, survived, "cuts after which the client was connected again");
        }
    }

    private static String number(int number) {
        return String.format("%06d", number);
    }

    private static String[] numbers(int count) {
        String[] numbers = new String[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = number(i);
        }
        return numbers;
    }

    // proves: S1-164, S1-166
    private static void blockingSends(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(WINDOW);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        Cutter cutter = new Cutter(connection, 1);
        int sent = 0;
        while (!cutter.isDone() || sent < 50) {
            producer.send(session.createTextMessage(number(sent++)));
        }
        cutter.judge();
        scope.expect(queue, numbers(sent));
    }

    private static void asyncSends(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(WINDOW);
        Sending sending = Sending.inBursts(connection, queue);
        Cutter cutter = new Cutter(connection, 2);
        int sent = 0;
        while (!cutter.isDone() || sent < 100) {
            sending.burst(20);
            sending.awaitAnswers();
            sent += 20;
        }
        cutter.judge();
        sending.end();
        List<String> found = scope.drain(queue);
        sending.judge(found);
        Check.equal(sent, found.size(), "messages, of which none was given up");
    }

    // proves: S1-167
    private static void listener(Scope scope) throws Exception {
        String queue = scope.queue("q");
        int count = 300;
        scope.fill(queue, numbers(count));
        Connection connection = scope.connect(WINDOW);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        BlockingQueue<Message> came = new LinkedBlockingQueue<>();
        session.createConsumer(session.createQueue(queue)).setMessageListener(message -> {
            came.add(message);
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        connection.start();
        Cutter cutter = new Cutter(connection, 3);
        for (String expected : numbers(count)) {
            Message message = Check.present(came.poll(15, TimeUnit.SECONDS), "waiting for " + expected);
            Check.equal(expected, Scope.text(message), "text");
            Check.equal(1, message.getIntProperty("JMSXDeliveryCount"), "delivery count of " + expected);
            Check.equal(false, message.getJMSRedelivered(), "redelivered flag of " + expected);
        }
        cutter.judge();
        Check.equal(0, came.size(), "messages too many");
    }

    /** What is taken from one queue is put into another, one by one. */
    private static void transactions(Scope scope) throws Exception {
        String from = scope.queue("from");
        String to = scope.queue("to");
        int count = 60;
        scope.fill(from, numbers(count));
        Connection connection = scope.started(WINDOW);
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(session.createQueue(from));
        MessageProducer producer = session.createProducer(session.createQueue(to));
        Cutter cutter = new Cutter(connection, 4);
        for (String text : numbers(count)) {
            Scope.expectNext(consumer, text);
            producer.send(session.createTextMessage(text));
            session.commit();
        }
        cutter.judge();
        scope.expect(to, numbers(count));
    }

    /** What was delivered before the cut is acknowledged after it, and does not come again. */
    private static void clientAcknowledge(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, numbers(10));
        Connection connection = scope.started(WINDOW);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        List<Message> held = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            if (i == 5) {
                var again = CutCases.reconnected(connection);
                CutCases.cut(connection);
                CutCases.await(again, "no reconnection after the cut");
            }
            Message message = Check.present(consumer.receive(Scope.COMES), "waiting for " + i);
            Check.equal(number(i), Scope.text(message), "text");
            Check.equal(false, message.getJMSRedelivered(), "redelivered flag of " + i);
            held.add(message);
        }
        held.get(9).acknowledge();
        Scope.expectNone(consumer, "a message after the last");
        connection.close();
        scope.expect(queue);
    }
}

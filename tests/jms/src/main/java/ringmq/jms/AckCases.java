package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import javax.jms.Connection;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import org.apache.activemq.artemis.api.jms.ActiveMQJMSConstants;

/** The acknowledge modes: what is gone after an acknowledgement, and what comes back, how often delivered, without. */
final class AckCases {
    private AckCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("ack_auto", AckCases::auto),
                Case.of("ack_auto_block", AckCases::autoBlock),
                Case.of("ack_client", AckCases::client),
                Case.of("ack_client_loop", AckCases::clientLoop),
                Case.of("ack_client_middle", AckCases::clientMiddle),
                Case.of("ack_client_closed_without", AckCases::closedWithout),
                Case.of("ack_dups_ok", scope -> dupsOk(scope, "")),
                Case.of("ack_dups_ok_small_batch", scope -> dupsOk(scope, "dupsOKBatchSize=300")),
                Case.of("ack_individual", AckCases::individual),
                Case.of("ack_recover", AckCases::recover),
                Case.of("ack_recover_buffered", AckCases::recoverBuffered),
                Case.of("ack_listener_throws", AckCases::listenerThrows),
                Case.of("ack_buffered_stay_first", AckCases::bufferedStayFirst));
    }

    private static MessageConsumer consumer(Session session, String queue) throws Exception {
        return session.createConsumer(session.createQueue(queue));
    }

    /** The next message, its text, and how it says it was delivered. */
    private static Message expect(MessageConsumer consumer, String text, int count) throws Exception {
        Message message = Check.present(consumer.receive(Scope.COMES), "waiting for " + text);
        Check.equal(text, Scope.text(message), "text");
        Check.equal(count, message.getIntProperty("JMSXDeliveryCount"), "delivery count of " + text);
        Check.equal(count > 1, message.getJMSRedelivered(), "redelivered flag of " + text);
        return message;
    }

    private static void auto(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Connection connection = scope.started();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        expect(consumer, "2", 1);
        connection.close();
        // What was received is gone, what only lay in the client's buffer is not.
        scope.expect(queue, "3");
    }

    /** With blockOnAcknowledge the client waits for the answer, so a missing one hangs here. */
    private static void autoBlock(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started("blockOnAcknowledge=true").createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        for (int i = 0; i < 50; i++) {
            scope.fill(queue, "m" + i);
            expect(consumer, "m" + i, 1);
        }
        Session client = scope.started("blockOnAcknowledge=true").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        consumer.close();
        MessageConsumer second = consumer(client, queue);
        scope.fill(queue, "a", "b");
        expect(second, "a", 1);
        expect(second, "b", 1).acknowledge();
        client.close();
        scope.expect(queue);
    }

    // proves: S0-16
    private static void client(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        expect(consumer, "2", 1);
        expect(consumer, "3", 1).acknowledge();
        session.close();
        scope.expect(queue);
    }

    /** Each acknowledgement is a commit that the client does not wait for: its answer must not be taken for another. */
    private static void clientLoop(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        var producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = consumer(session, queue);
        for (int i = 0; i < 100; i++) {
            // In a session that is not transacted a send does not wait for the acknowledgement.
            producer.send(session.createTextMessage("m" + i));
            expect(consumer, "m" + i, 1).acknowledge();
            session.createQueue(queue);
        }
    }

    // proves: S0-16
    /** acknowledge() of any message acknowledges all that the session has received. */
    private static void clientMiddle(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        Message second = expect(consumer, "2", 1);
        expect(consumer, "3", 1);
        second.acknowledge();
        session.recover();
        expect(consumer, "4", 2);
        session.close();
        scope.expect(queue, "4");
    }

    private static void closedWithout(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        for (int round = 1; round <= 3; round++) {
            Connection connection = scope.started();
            Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
            MessageConsumer consumer = consumer(session, queue);
            // Received but not acknowledged counts as a delivery; a session that is closed gives it back in order.
            expect(consumer, "1", round);
            expect(consumer, "2", round);
            connection.close();
        }
        scope.expect(queue, "1", "2", "3");
    }

    private static void dupsOk(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            sent.add("m" + i);
        }
        scope.fill(queue, sent.toArray(String[]::new));
        Connection connection = scope.started(parameters);
        Session session = connection.createSession(false, Session.DUPS_OK_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        for (String text : sent) {
            expect(consumer, text, 1);
        }
        // The client acknowledges late, at the latest when it closes; then nothing is left.
        connection.close();
        scope.expect(queue);
    }

    private static void individual(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4");
        Connection connection = scope.started();
        Session session = connection.createSession(false, ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        Message second = expect(consumer, "2", 1);
        expect(consumer, "3", 1);
        Message fourth = expect(consumer, "4", 1);
        fourth.acknowledge();
        second.acknowledge();
        connection.close();
        scope.expect(queue, "1", "3");
    }

    private static void recover(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        expect(consumer, "2", 1);
        expect(consumer, "3", 1);
        session.recover();
        expect(consumer, "1", 2);
        expect(consumer, "2", 2).acknowledge();
        expect(consumer, "3", 2);
        session.recover();
        expect(consumer, "3", 3).acknowledge();
        Scope.expectNone(consumer, "after everything was acknowledged");
    }

    /** What the application never saw comes again after recover(), in its place. */
    private static void recoverBuffered(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4", "5");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        expect(consumer, "1", 1);
        expect(consumer, "2", 1);
        session.recover();
        expect(consumer, "1", 2);
        expect(consumer, "2", 2);
        Scope.expectNext(consumer, "3", "4");
        Message last = Check.present(consumer.receive(Scope.COMES), "the last");
        Check.equal("5", Scope.text(last), "text");
        last.acknowledge();
    }

    /** An exception out of a listener gives the message back; it comes again at once, marked. */
    private static void listenerThrows(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        List<String> seen = new CopyOnWriteArrayList<>();
        CountDownLatch three = new CountDownLatch(3);
        consumer.setMessageListener(message -> {
            String one = describe(message);
            seen.add(one);
            three.countDown();
            if (one.equals("1 first")) {
                throw new IllegalArgumentException("the case's own exception");
            }
        });
        Check.that(three.await(10, TimeUnit.SECONDS), "three deliveries, came " + seen);
        consumer.close();
        Check.equal(List.of("1 first", "1 again", "2 first"), seen, "deliveries");
    }

    private static String describe(Message message) {
        try {
            return Scope.text(message) + (message.getJMSRedelivered() ? " again" : " first");
        } catch (Exception e) {
            return e.toString();
        }
    }

    /** Messages that only lay in a closed consumer's buffer were never delivered. */
    private static void bufferedStayFirst(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer first = consumer(session, queue);
        expect(first, "1", 1);
        first.close();
        MessageConsumer second = consumer(session, queue);
        expect(second, "2", 1);
        expect(second, "3", 1);
    }
}

package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import javax.jms.Connection;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Local transactions: all or nothing, over one queue and over several. */
final class TransactionCases {
    private TransactionCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("tx_send_commit", scope -> sendCommit(scope, "")),
                Case.of("tx_send_commit_window", scope -> sendCommit(scope, "confirmationWindowSize=10000")),
                Case.of("tx_send_rollback", TransactionCases::sendRollback),
                Case.of("tx_receive_commit", TransactionCases::receiveCommit),
                Case.of("tx_receive_rollback", TransactionCases::receiveRollback),
                Case.of("tx_several_queues", TransactionCases::severalQueues),
                Case.of("tx_consume_and_send", TransactionCases::consumeAndSend),
                Case.of("tx_consume_and_send_rollback", TransactionCases::consumeAndSendRollback),
                Case.of("tx_session_closed_open", TransactionCases::closedOpen),
                Case.of("tx_empty", TransactionCases::empty),
                Case.of("tx_many_messages", TransactionCases::manyMessages),
                Case.of("tx_two_sessions", TransactionCases::twoSessions),
                Case.of("tx_large_bodies", TransactionCases::largeBodies));
    }

    private static Session transacted(Scope scope) throws Exception {
        return scope.started().createSession(true, Session.SESSION_TRANSACTED);
    }

    private static MessageProducer producer(Session session, String queue) throws Exception {
        return session.createProducer(session.createQueue(queue));
    }

    private static MessageConsumer consumer(Session session, String queue) throws Exception {
        return session.createConsumer(session.createQueue(queue));
    }

    private static void sendCommit(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started(parameters).createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = producer(session, queue);
        producer.send(session.createTextMessage("1"));
        producer.send(session.createTextMessage("2"));
        // Nobody sees what is not committed.
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(other, queue);
        Scope.expectNone(consumer, "before the commit");
        session.commit();
        Scope.expectNext(consumer, "1", "2");
        producer.send(session.createTextMessage("3"));
        session.commit();
        Scope.expectNext(consumer, "3");
    }

    private static void sendRollback(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = transacted(scope);
        MessageProducer producer = producer(session, queue);
        producer.send(session.createTextMessage("never"));
        producer.send(session.createTextMessage("never either"));
        session.rollback();
        producer.send(session.createTextMessage("kept"));
        session.commit();
        session.rollback();
        scope.expect(queue, "kept");
    }

    private static void receiveCommit(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Connection connection = scope.started();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, queue);
        Scope.expectNext(consumer, "1", "2");
        session.commit();
        connection.close();
        scope.expect(queue, "3");
    }

    private static void receiveRollback(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4");
        Session session = transacted(scope);
        MessageConsumer consumer = consumer(session, queue);
        for (int round = 1; round <= 4; round++) {
            for (String text : List.of("1", "2", "3")) {
                Message message = Check.present(consumer.receive(Scope.COMES), "waiting for " + text);
                Check.equal(text, Scope.text(message), "text in round " + round);
                Check.equal(round, message.getIntProperty("JMSXDeliveryCount"), "delivery count of " + text);
                Check.equal(round > 1, message.getJMSRedelivered(), "redelivered flag of " + text);
            }
            session.rollback();
        }
        Scope.expectNext(consumer, "1", "2", "3");
        // The fourth was never received, however often it was given back.
        Message fourth = Check.present(consumer.receive(Scope.COMES), "the fourth");
        Check.equal("4", Scope.text(fourth), "text");
        Check.equal(1, fourth.getIntProperty("JMSXDeliveryCount"), "delivery count of the fourth");
        session.commit();
        Scope.expectNone(consumer, "after the commit");
    }

    private static void severalQueues(Scope scope) throws Exception {
        Session session = transacted(scope);
        List<String> queues = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            queues.add(scope.queue("q" + i));
        }
        for (String queue : queues) {
            producer(session, queue).send(session.createTextMessage("rolled back"));
        }
        session.rollback();
        for (String queue : queues) {
            MessageProducer producer = producer(session, queue);
            producer.send(session.createTextMessage("a " + queue));
            producer.send(session.createTextMessage("b " + queue));
        }
        session.commit();
        // Receiving from all of them is one transaction as well.
        List<MessageConsumer> consumers = new ArrayList<>();
        for (String queue : queues) {
            consumers.add(consumer(session, queue));
        }
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < queues.size(); i++) {
                Scope.expectNext(consumers.get(i), "a " + queues.get(i), "b " + queues.get(i));
            }
            if (round == 0) {
                session.rollback();
            }
        }
        session.commit();
    }

    private static void consumeAndSend(Scope scope) throws Exception {
        String from = scope.queue("from");
        String to = scope.queue("to");
        scope.fill(from, "1", "2", "3");
        Session session = transacted(scope);
        MessageConsumer consumer = consumer(session, from);
        MessageProducer producer = producer(session, to);
        for (int i = 0; i < 3; i++) {
            String text = Scope.next(consumer, "the next");
            producer.send(session.createTextMessage("moved " + text));
            session.commit();
        }
        session.close();
        scope.expect(from);
        scope.expect(to, "moved 1", "moved 2", "moved 3");
    }

    private static void consumeAndSendRollback(Scope scope) throws Exception {
        String from = scope.queue("from");
        String to = scope.queue("to");
        scope.fill(from, "1", "2");
        Session session = transacted(scope);
        MessageConsumer consumer = consumer(session, from);
        MessageProducer producer = producer(session, to);
        Scope.expectNext(consumer, "1", "2");
        producer.send(session.createTextMessage("never"));
        session.rollback();
        Scope.expectNext(consumer, "1");
        producer.send(session.createTextMessage("moved 1"));
        session.commit();
        session.close();
        scope.expect(from, "2");
        scope.expect(to, "moved 1");
    }

    /** Closing a session, or its connection, with work in it is a rollback. */
    private static void closedOpen(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        for (boolean all : new boolean[] {false, true}) {
            Connection connection = scope.started();
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            Scope.expectNext(consumer(session, queue), "1");
            producer(session, queue).send(session.createTextMessage("never"));
            if (!all) {
                session.close();
            }
            connection.close();
        }
        scope.expect(queue, "1", "2");
    }

    private static void empty(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = transacted(scope);
        for (int i = 0; i < 20; i++) {
            session.commit();
            session.rollback();
        }
        producer(session, queue).send(session.createTextMessage("one"));
        session.commit();
        session.commit();
        scope.expect(queue, "one");
    }

    private static void manyMessages(Scope scope) throws Exception {
        String queue = scope.queue("q");
        int count = 1000;
        Session session = transacted(scope);
        MessageProducer producer = producer(session, queue);
        for (int i = 0; i < count; i++) {
            producer.send(session.createTextMessage("m" + i));
        }
        session.commit();
        MessageConsumer consumer = consumer(session, queue);
        for (int i = 0; i < count; i++) {
            Scope.expectNext(consumer, "m" + i);
        }
        session.rollback();
        for (int i = 0; i < count; i++) {
            Scope.expectNext(consumer, "m" + i);
        }
        session.commit();
    }

    /** Two transactions on one connection end independently of each other. */
    private static void twoSessions(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started();
        Session one = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session two = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer first = producer(one, queue);
        MessageProducer second = producer(two, queue);
        for (int i = 0; i < 3; i++) {
            first.send(one.createTextMessage("one " + i));
            second.send(two.createTextMessage("two " + i));
        }
        two.commit();
        one.rollback();
        first.send(one.createTextMessage("one again"));
        one.commit();
        scope.expect(queue, "two 0", "two 1", "two 2", "one again");
    }

    /** More than a megabyte in one transaction, in bodies that are no large messages yet. */
    private static void largeBodies(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = transacted(scope);
        MessageProducer producer = producer(session, queue);
        String body = "x".repeat(40_000);
        for (int i = 0; i < 30; i++) {
            producer.send(session.createTextMessage(body + i));
        }
        session.commit();
        MessageConsumer consumer = consumer(session, queue);
        for (int i = 0; i < 30; i++) {
            Scope.expectNext(consumer, body + i);
        }
        session.commit();
    }
}

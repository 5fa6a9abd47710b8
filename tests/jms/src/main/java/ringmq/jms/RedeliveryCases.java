package ringmq.jms;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import javax.jms.Connection;
import javax.jms.MessageConsumer;
import javax.jms.Session;

/** How often a message was delivered, and where it comes back, through rollback, closing, cuts and kills. */
final class RedeliveryCases {
    private RedeliveryCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("redelivery_rollback_two_consumers", RedeliveryCases::rollbackTwoConsumers),
                Case.of("redelivery_order_of_two_sessions", RedeliveryCases::twoSessions),
                Case.of("redelivery_count_through_all_ways", RedeliveryCases::allWays),
                Case.of("redelivery_session_closed", RedeliveryCases::sessionClosed),
                Case.of("redelivery_part_of_the_work", RedeliveryCases::part),
                Case.of("redelivery_to_another_consumer", RedeliveryCases::another),
                Case.of("redelivery_before_the_rest", RedeliveryCases::beforeTheRest),
                Case.of("redelivery_by_priority", RedeliveryCases::byPriority),
                Case.restarting("redelivery_after_kill", RedeliveryCases::afterKill));
    }

    private static MessageConsumer consumer(Session session, String queue) throws Exception {
        return session.createConsumer(session.createQueue(queue));
    }

    private static void rollbackTwoConsumers(Scope scope) throws Exception {
        String one = scope.queue("one");
        String two = scope.queue("two");
        scope.fill(one, "a", "b", "c");
        scope.fill(two, "x", "y", "z");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer first = consumer(session, one);
        MessageConsumer second = consumer(session, two);
        for (int round = 1; round <= 3; round++) {
            Texts.expect(first, "a/" + round, "b/" + round);
            Texts.expect(second, "x/" + round, "y/" + round);
            session.rollback();
        }
        Texts.expect(first, "a/4");
        session.commit();
        Texts.expect(first, "b/4", "c/1");
        Texts.expect(second, "x/4", "y/4", "z/1");
        session.commit();
    }

    /** What two sessions give back stands again where it was, whichever of them gives back first. */
    private static void twoSessions(Scope scope) throws Exception {
        for (boolean firstFirst : new boolean[] {true, false}) {
            String queue = scope.queue("q" + firstFirst);
            scope.fill(queue, "1", "2", "3", "4", "5", "6");
            Connection connection = scope.started("consumerWindowSize=0");
            Session one = connection.createSession(true, Session.SESSION_TRANSACTED);
            Session two = connection.createSession(true, Session.SESSION_TRANSACTED);
            MessageConsumer first = consumer(one, queue);
            MessageConsumer second = consumer(two, queue);
            Texts.expect(first, "1/1");
            Texts.expect(second, "2/1");
            Texts.expect(first, "3/1");
            Texts.expect(second, "4/1");
            (firstFirst ? one : two).close();
            (firstFirst ? two : one).close();
            scope.expect(queue, "1", "2", "3", "4", "5", "6");
        }
    }

    /** One message through everything that gives it back, and its count through all of it. */
    private static void allWays(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "m");
        Connection connection = scope.started();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "m/1");
        session.rollback();
        Texts.expect(consumer, "m/2");
        session.close();
        Session client = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        consumer = consumer(client, queue);
        Texts.expect(consumer, "m/3");
        client.recover();
        Texts.expect(consumer, "m/4");
        connection.close();
        Connection lost = scope.started();
        Texts.expect(consumer(lost.createSession(false, Session.CLIENT_ACKNOWLEDGE), queue), "m/5");
        CutCases.cut(lost);
        Session last = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Texts.expect(consumer(last, queue), "m/6");
    }

    private static void sessionClosed(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Connection connection = scope.started();
        for (int round = 1; round <= 3; round++) {
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            MessageConsumer consumer = consumer(session, queue);
            Texts.expect(consumer, "1/" + round, "2/" + round);
            session.close();
        }
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Texts.expect(consumer(session, queue), "1/4", "2/4", "3/1");
    }

    /** What was committed before is gone for good, however often the rest is given back. */
    private static void part(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "1/1");
        session.commit();
        Texts.expect(consumer, "2/1", "3/1");
        session.rollback();
        Texts.expect(consumer, "2/2");
        session.commit();
        Texts.expect(consumer, "3/2");
        session.rollback();
        Texts.expect(consumer, "3/3", "4/1");
        session.commit();
        Scope.expectNone(consumer, "after the last");
    }

    private static void another(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Connection connection = scope.started();
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Texts.expect(consumer(session, queue), "1/1", "2/1");
        Session waiting = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer other = consumer(waiting, queue);
        Scope.expectNone(other, "while the first holds them");
        connection.close();
        Texts.expect(other, "1/2", "2/2");
    }

    /** What comes back stands before what was never delivered, although that was sent meanwhile. */
    private static void beforeTheRest(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "1/1", "2/1");
        scope.fill(queue, "3", "4");
        session.rollback();
        Texts.expect(consumer, "1/2", "2/2", "3/1", "4/1");
        session.commit();
    }

    private static void byPriority(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        var producer = session.createProducer(session.createQueue(queue));
        for (String text : List.of("4a", "9a", "0a", "9b", "4b")) {
            producer.setPriority(text.charAt(0) - '0');
            producer.send(session.createTextMessage(text));
        }
        session.commit();
        MessageConsumer consumer = consumer(session, queue);
        for (int round = 1; round <= 2; round++) {
            Texts.expect(consumer, "9a/" + round, "9b/" + round, "4a/" + round, "4b/" + round);
            session.rollback();
        }
        Texts.expect(consumer, "9a/3", "9b/3", "4a/3", "4b/3", "0a/1");
        session.commit();
    }

    /** A broker that dies gives back what was not acknowledged, in order; a delivery count may be forgotten then. */
    private static void afterKill(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Connection connection = scope.started(CutCases.RECONNECT);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        var first = Check.present(consumer.receive(Scope.COMES), "the first");
        first.acknowledge();
        session.createQueue(queue);
        Scope.expectNext(consumer, "2");
        CountDownLatch again = CutCases.reconnected(connection);
        scope.broker().kill();
        scope.broker().start();
        CutCases.await(again, "no reconnection after the kill");
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        connection.close();
        Scope.expectNext(consumer(other, queue), "2", "3");
    }
}

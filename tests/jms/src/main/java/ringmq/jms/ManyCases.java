package ringmq.jms;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Many of everything: priorities, sessions, queues, transactions, and times that have not come. */
final class ManyCases {
    private ManyCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("many_priorities", ManyCases::priorities),
                Case.of("many_sessions_20_transactions", ManyCases::transactions),
                Case.of("many_queues_50", ManyCases::queues),
                Case.of("many_connections_30", ManyCases::connections),
                Case.of("many_consumers_of_one_session", ManyCases::consumers),
                Case.of("many_small_transactions", ManyCases::smallTransactions),
                Case.of("expiry_that_has_not_come", ManyCases::expiry),
                Case.of("large_properties_400_kib", ManyCases::largeProperties));
    }

    /** A thousand messages of random priorities: by priority, and within each as they were sent. */
    private static void priorities(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        Random random = new Random(7);
        List<List<String>> sent = new ArrayList<>();
        for (int priority = 0; priority <= 9; priority++) {
            sent.add(new ArrayList<>());
        }
        for (int i = 0; i < 1000; i++) {
            int priority = random.nextInt(10);
            String text = priority + "/" + i;
            sent.get(priority).add(text);
            int mode = i % 2 == 0 ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT;
            producer.send(session.createTextMessage(text), mode, priority, 0);
        }
        session.commit();
        Collections.reverse(sent);
        scope.expect(queue, sent.stream().flatMap(List::stream).toArray(String[]::new));
    }

    /** Twenty sessions of one connection, each with a transaction; every third is rolled back. */
    private static void transactions(Scope scope) throws Exception {
        String queue = scope.queue("q");
        String from = scope.queue("from");
        String[] texts = new String[20];
        Arrays.setAll(texts, i -> "source " + i);
        scope.fill(from, texts);
        Connection connection = scope.started("consumerWindowSize=0");
        List<Session> sessions = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        List<String> left = new ArrayList<>();
        for (int i = 0; i < texts.length; i++) {
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            sessions.add(session);
            Scope.expectNext(session.createConsumer(session.createQueue(from)), texts[i]);
            MessageProducer producer = session.createProducer(session.createQueue(queue));
            producer.send(session.createTextMessage("a" + i));
            producer.send(session.createTextMessage("b" + i));
        }
        for (int i = texts.length - 1; i >= 0; i--) {
            if (i % 3 == 0) {
                sessions.get(i).rollback();
                left.add(0, texts[i]);
            } else {
                sessions.get(i).commit();
                expected.add("a" + i);
                expected.add("b" + i);
            }
        }
        connection.close();
        scope.expect(queue, expected.toArray(String[]::new));
        scope.expect(from, left.toArray(String[]::new));
    }

    /** One producer, fifty queues, each with its own order. */
    private static void queues(Scope scope) throws Exception {
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(null);
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < 50; i++) {
                producer.send(session.createQueue(scope.queue("q" + i)), session.createTextMessage(i + "/" + round));
            }
        }
        session.commit();
        for (int i = 0; i < 50; i++) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(scope.queue("q" + i)));
            Scope.expectNext(consumer, i + "/0", i + "/1", i + "/2", i + "/3", i + "/4");
            Scope.expectNone(consumer, "behind the fifth");
            consumer.close();
        }
        session.commit();
    }

    /** Thirty connections at one queue: each takes one message, and together they took all. */
    private static void connections(Scope scope) throws Exception {
        String queue = scope.queue("q");
        String[] texts = new String[30];
        Arrays.setAll(texts, i -> "m" + (100 + i));
        scope.fill(queue, texts);
        List<Connection> all = new ArrayList<>();
        List<String> seen = new ArrayList<>();
        for (int i = 0; i < texts.length; i++) {
            Connection connection = scope.started("consumerWindowSize=0");
            all.add(connection);
            Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
            Message message = session.createConsumer(session.createQueue(queue)).receive(Scope.COMES);
            seen.add(Scope.text(Check.present(message, "message " + i)));
            message.acknowledge();
        }
        Check.equal(List.of(texts), seen, "each the next one");
        for (Connection connection : all) {
            connection.close();
        }
        scope.expect(queue);
    }

    private static void consumers(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 25; i++) {
            consumers.add(session.createConsumer(session.createQueue(scope.queue("q" + i))));
        }
        for (int i = 0; i < consumers.size(); i++) {
            scope.fill(scope.queue("q" + i), "only " + i);
        }
        Message last = null;
        for (int i = consumers.size() - 1; i >= 0; i--) {
            last = Check.present(consumers.get(i).receive(Scope.COMES), "consumer " + i);
            Check.equal("only " + i, Scope.text(last), "text");
        }
        last.acknowledge();
        session.close();
        for (int i = 0; i < consumers.size(); i++) {
            scope.expect(scope.queue("q" + i));
        }
    }

    private static void smallTransactions(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        for (int i = 0; i < 200; i++) {
            producer.send(session.createTextMessage("m" + i));
            session.commit();
            Scope.expectNext(consumer, "m" + i);
            if (i % 10 == 9) {
                session.rollback();
                Scope.expectNext(consumer, "m" + i);
            }
            session.commit();
        }
    }

    /** A time to live of an hour is written on the message, and it is delivered as any other. */
    private static void expiry(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        for (int i = 0; i < 10; i++) {
            Message message = loop.session().createTextMessage("m" + i);
            long before = System.currentTimeMillis();
            loop.producer().send(message, DeliveryMode.PERSISTENT, 4, 3_600_000L + i);
            Message got = Check.present(loop.consumer().receive(Scope.COMES), "m" + i);
            Check.equal("m" + i, Scope.text(got), "text");
            Check.equal(message.getJMSExpiration(), got.getJMSExpiration(), "expiration as the sender set it");
            Check.that(got.getJMSExpiration() >= before + 3_600_000L + i, "an hour from now");
        }
    }

    /** A client that puts the bound of large messages higher sends such properties in one packet. */
    private static void largeProperties(Scope scope) throws Exception {
        Loop loop = Loop.open(scope, "minLargeMessageSize=2000000");
        Message message = loop.session().createTextMessage("small");
        for (int i = 0; i < 100; i++) {
            message.setStringProperty("p" + i, ("" + i % 10).repeat(2000));
        }
        Message got = loop.pass(Message.class, message);
        for (int i = 0; i < 100; i++) {
            Check.equal(("" + i % 10).repeat(2000), got.getStringProperty("p" + i), "p" + i);
        }
        Check.equal("small", Scope.text(got), "text");
    }
}

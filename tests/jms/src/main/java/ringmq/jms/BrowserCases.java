package ringmq.jms;

import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.QueueBrowser;
import javax.jms.Session;

/** Browsers: they see what waits, in the order of delivery, and take nothing. */
final class BrowserCases {
    private BrowserCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("browse_empty", scope -> browseAndDrain(scope, "")),
                Case.of("browse_in_order", scope -> browseAndDrain(scope, "", "1", "2", "3", "4", "5")),
                Case.of("browse_window_0", scope -> browseMany(scope, "consumerWindowSize=0", 20)),
                Case.of("browse_window_unlimited", scope -> browseMany(scope, "consumerWindowSize=-1", 300)),
                Case.of("browse_by_priority", BrowserCases::byPriority),
                Case.of("browse_again_and_again", BrowserCases::again),
                Case.of("browse_two_at_once", BrowserCases::twoAtOnce),
                Case.of("browse_with_selector", BrowserCases::withSelector),
                Case.of("browse_headers_and_bodies", BrowserCases::headersAndBodies),
                Case.of("browse_not_what_others_hold", BrowserCases::notWhatOthersHold),
                Case.of("browse_while_consumed", BrowserCases::whileConsumed),
                Case.of("browse_only_committed", BrowserCases::onlyCommitted),
                Case.of("browse_after_rollback", BrowserCases::afterRollback),
                Case.of("browse_beside_consumer", BrowserCases::besideConsumer),
                Case.of("browse_non_durable", BrowserCases::nonDurable),
                Case.of("browse_left_open", BrowserCases::leftOpen));
    }

    /** The texts that a new browser of the session shows. */
    static List<String> browse(Session session, String queue, String selector) throws JMSException {
        List<String> texts = new ArrayList<>();
        try (QueueBrowser browser = session.createBrowser(session.createQueue(queue), selector)) {
            Enumeration<?> messages = browser.getEnumeration();
            while (messages.hasMoreElements()) {
                texts.add(Scope.text((Message) messages.nextElement()));
            }
        }
        return texts;
    }

    private static void browseAndDrain(Scope scope, String parameters, String... texts) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, texts);
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        Check.equal(List.of(texts), browse(session, queue, null), "browsed");
        scope.expect(queue, texts);
    }

    private static void browseMany(Scope scope, String parameters, int count) throws Exception {
        String[] texts = new String[count];
        for (int i = 0; i < count; i++) {
            texts[i] = i + "x".repeat(i * 61 % 3000);
        }
        browseAndDrain(scope, parameters, texts);
    }

    private static void byPriority(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int priority : new int[] {4, 9, 0, 4, 9, 7}) {
            String text = priority + "";
            producer.send(session.createTextMessage(text), DeliveryMode.PERSISTENT, priority, 0);
        }
        Check.equal(List.of("9", "9", "7", "4", "4", "0"), browse(session, queue, null), "browsed");
        scope.expect(queue, "9", "9", "7", "4", "4", "0");
    }

    private static void again(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        try (QueueBrowser browser = session.createBrowser(session.createQueue(queue))) {
            for (int round = 0; round < 10; round++) {
                Enumeration<?> messages = browser.getEnumeration();
                Check.equal("1", Scope.text((Message) messages.nextElement()), "first");
                if (round % 2 == 0) {
                    Check.equal("2", Scope.text((Message) messages.nextElement()), "second");
                    Check.that(!messages.hasMoreElements(), "there is no third");
                    Check.that(!messages.hasMoreElements(), "there is still no third");
                }
            }
        }
        scope.expect(queue, "1", "2");
    }

    private static void twoAtOnce(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session one = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session two = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        Enumeration<?> first = one.createBrowser(one.createQueue(queue)).getEnumeration();
        Enumeration<?> second = two.createBrowser(two.createQueue(queue)).getEnumeration();
        for (String text : List.of("1", "2", "3")) {
            Check.equal(text, Scope.text((Message) first.nextElement()), "of the first");
            Check.equal(text, Scope.text((Message) second.nextElement()), "of the second");
        }
        Check.that(!first.hasMoreElements() && !second.hasMoreElements(), "there is no more");
        two.rollback();
        scope.expect(queue, "1", "2", "3");
    }

    private static void withSelector(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 0; i < 6; i++) {
            Message message = session.createTextMessage("" + i);
            message.setIntProperty("n", i);
            producer.send(message);
        }
        Check.equal(List.of("3", "4"), browse(session, queue, "n > 2 AND n < 5"), "browsed");
        Check.equal(List.of(), browse(session, queue, "n > 5"), "browsed");
        Check.equal(List.of("0", "1", "2", "3", "4", "5"), browse(session, queue, "JMSPriority = 4"), "browsed");
        scope.expect(queue, "0", "1", "2", "3", "4", "5");
    }

    private static void headersAndBodies(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MapMessage sent = session.createMapMessage();
        sent.setString("key", "value");
        sent.setBytes("bytes", new byte[] {1, 2, 3});
        sent.setJMSType("type");
        sent.setJMSCorrelationID("correlation");
        sent.setStringProperty("colour", "red");
        session.createProducer(session.createQueue(queue)).send(sent, DeliveryMode.PERSISTENT, 6, 0);
        try (QueueBrowser browser = session.createBrowser(session.createQueue(queue))) {
            MapMessage seen = (MapMessage) browser.getEnumeration().nextElement();
            Check.equal(sent.getJMSMessageID(), seen.getJMSMessageID(), "id");
            Check.equal(sent.getJMSTimestamp(), seen.getJMSTimestamp(), "timestamp");
            Check.equal("type", seen.getJMSType(), "type");
            Check.equal("correlation", seen.getJMSCorrelationID(), "correlation id");
            Check.equal(6, seen.getJMSPriority(), "priority");
            Check.equal(false, seen.getJMSRedelivered(), "redelivered");
            Check.equal("red", seen.getStringProperty("colour"), "property");
            Check.equal("value", seen.getString("key"), "value");
            Check.equalBytes(new byte[] {1, 2, 3}, seen.getBytes("bytes"), "bytes");
        }
        try (MessageConsumer consumer = session.createConsumer(session.createQueue(queue))) {
            Message taken = Check.present(consumer.receive(Scope.COMES), "the message");
            Check.equal(false, taken.getJMSRedelivered(), "redelivered: to be looked at is not to be delivered");
        }
    }

    /** A consumer holds all that its window takes. */
    private static void notWhatOthersHold(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNext(consumer, "1");
        Check.equal(List.of(), browse(session, queue, null), "browsed while a consumer holds all");
        consumer.close();
        Check.equal(List.of("2", "3"), browse(session, queue, null), "browsed when it has given back");
        scope.expect(queue, "2", "3");
    }

    /** What goes meanwhile may be seen or not; what is seen is in order, and the enumeration ends. */
    private static void whileConsumed(Scope scope) throws Exception {
        String queue = scope.queue("q");
        String[] texts = new String[200];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = i + "/" + "x".repeat(1000);
        }
        scope.fill(queue, texts);
        Session session = scope.started("consumerWindowSize=5000").createSession(false, Session.AUTO_ACKNOWLEDGE);
        Enumeration<?> messages = session.createBrowser(session.createQueue(queue)).getEnumeration();
        Check.equal(texts[0], Scope.text((Message) messages.nextElement()), "first");
        scope.expect(queue, texts);
        int last = 0;
        while (messages.hasMoreElements()) {
            int number = Integer.parseInt(Scope.text((Message) messages.nextElement()).split("/")[0]);
            Check.that(number > last, number + " came behind " + last);
            last = number;
        }
        Check.that(last < texts.length - 1, "what was gone long before came nevertheless");
    }

    private static void onlyCommitted(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session sending = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        Session looking = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = sending.createProducer(sending.createQueue(queue));
        producer.send(sending.createTextMessage("1"));
        Check.equal(List.of(), browse(looking, queue, null), "browsed before the commit");
        sending.commit();
        Check.equal(List.of("1"), browse(looking, queue, null), "browsed behind the commit");
        scope.expect(queue, "1");
    }

    private static void afterRollback(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNext(consumer, "1");
        session.rollback();
        consumer.close();
        Check.equal(List.of("1", "2"), browse(session, queue, null), "browsed");
        MessageConsumer again = session.createConsumer(session.createQueue(queue));
        Message first = Check.present(again.receive(Scope.COMES), "the first");
        Check.equal(true, first.getJMSRedelivered(), "redelivered");
        Scope.expectNext(again, "2");
        session.commit();
    }

    /** A browser that is open takes nothing from a consumer. */
    private static void besideConsumer(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        scope.fill(queue, "1");
        Enumeration<?> messages = session.createBrowser(session.createQueue(queue)).getEnumeration();
        Check.that(messages.hasMoreElements(), "there is one");
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        scope.fill(queue, "2", "3");
        Scope.expectNext(consumer, "1", "2", "3");
        Scope.expectNone(consumer, "all is consumed");
        Check.equal("1", Scope.text((Message) messages.nextElement()), "the browser has it still");
    }

    private static void nonDurable(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 0; i < 4; i++) {
            int mode = i % 2 == 0 ? DeliveryMode.NON_PERSISTENT : DeliveryMode.PERSISTENT;
            producer.send(session.createTextMessage("" + i), mode, 4, 0);
        }
        Check.equal(List.of("0", "1", "2", "3"), browse(session, queue, null), "browsed");
        scope.expect(queue, "0", "1", "2", "3");
    }

    /** Browsers that nobody closes go with their session. */
    private static void leftOpen(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        for (int round = 0; round < 5; round++) {
            Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
            for (int i = 0; i < 5; i++) {
                session.createBrowser(session.createQueue(queue)).getEnumeration().nextElement();
            }
            session.close();
        }
        scope.expect(queue, "1", "2");
    }
}

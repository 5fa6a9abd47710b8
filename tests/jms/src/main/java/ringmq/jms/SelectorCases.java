package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.DeliveryMode;
import javax.jms.InvalidSelectorException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Selectors: what they say of messages, and that they leave what they do not take to others, in order. */
final class SelectorCases {
    private SelectorCases() {
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        cases.add(says("equals", "n = 3", "3"));
        cases.add(says("differs", "n <> 3", "0", "1", "2", "4", "5"));
        cases.add(says("compares", "n >= 2 AND n < 5 AND n <= 4 AND n > 1", "2", "3", "4"));
        cases.add(says("and_binds_more_than_or", "n = 1 OR n > 2 AND n < 4", "1", "3"));
        cases.add(says("brackets", "(n = 1 OR n > 2) AND n < 4", "1", "3"));
        cases.add(says("not", "NOT (n = 1) AND NOT (n > 3)", "0", "2", "3"));
        cases.add(says("between", "n BETWEEN 2 AND 4", "2", "3", "4"));
        cases.add(says("not_between", "n NOT BETWEEN 2 AND 4", "0", "1", "5"));
        cases.add(says("in", "colour IN ('red', 'green')", "0", "2", "4"));
        cases.add(says("not_in", "colour NOT IN ('red', 'green')", "1", "3"));
        cases.add(says("like_any", "colour LIKE 'b%e'", "1", "3"));
        cases.add(says("like_one", "colour LIKE 'r_d'", "0", "2", "4"));
        cases.add(says("like_escape", "rate LIKE '%0!%' ESCAPE '!'", "0", "2", "4"));
        cases.add(says("not_like", "colour NOT LIKE 'r%'", "1", "3"));
        cases.add(says("is_null", "colour IS NULL", "5"));
        cases.add(says("is_not_null", "colour IS NOT NULL AND n > 2", "3", "4"));
        cases.add(says("missing_is_unknown", "missing > 1 OR NOT (missing < 1) OR missing LIKE '%'"));
        cases.add(says("quotients_are_fractions", "n / 2 = 1.5 OR n / 2 = 1", "3", "2"));
        cases.add(says("sums_and_products", "n * 2 + 1 = 7 OR n - 1 = -1 OR n / 2.0 = 2.5", "0", "3", "5"));
        cases.add(says("fractions", "weight > 0.9 AND weight <= 15e-1", "2", "3"));
        cases.add(says("booleans", "even AND even = TRUE", "0", "2", "4"));
        cases.add(says("quotes", "quote = 'it''s 3'", "3"));
        cases.add(says("other_types_are_not_equal", "n = '3' OR colour = 3"));
        cases.add(says("case_of_keywords", "n between 1 aNd 2 oR n In ('x')", "1", "2"));
        cases.add(says("priority", "JMSPriority = 6", "3"));
        cases.add(says("delivery_mode", "JMSDeliveryMode = 'NON_PERSISTENT'", "1"));
        cases.add(says("type_and_correlation", "JMSType = 't2' OR JMSCorrelationID = 'c4'", "2", "4", "5"));
        cases.add(says("timestamp_and_expiration", "JMSTimestamp > 1000 AND JMSExpiration = 0 AND n < 2", "0", "1"));
        cases.add(Case.of("selector_message_id", SelectorCases::messageId));
        cases.add(Case.of("selector_invalid", SelectorCases::invalid));
        cases.add(Case.of("selector_leaves_the_rest_in_order", SelectorCases::leavesTheRest));
        cases.add(Case.of("selector_several_share", SelectorCases::severalShare));
        cases.add(Case.of("selector_waits_for_its_message", SelectorCases::waits));
        cases.add(Case.of("selector_listener", SelectorCases::listener));
        cases.add(Case.of("selector_window_0", scope -> windowed(scope, "consumerWindowSize=0")));
        cases.add(Case.of("selector_window_1", scope -> windowed(scope, "consumerWindowSize=1")));
        cases.add(Case.of("selector_window_unlimited", scope -> windowed(scope, "consumerWindowSize=-1")));
        cases.add(Case.of("selector_rollback", SelectorCases::rollback));
        cases.add(Case.of("selector_recover", SelectorCases::recover));
        cases.add(Case.of("selector_closed_gives_back", SelectorCases::givesBack));
        cases.add(Case.of("selector_replies_by_correlation", SelectorCases::replies));
        cases.add(Case.of("selector_beside_plain_consumer", SelectorCases::besidePlain));
        return cases;
    }

    /** Of the six messages of {@link #fillSix}, a consumer with this selector gets these, and the others stay. */
    private static Case says(String name, String selector, String... expected) {
        return Case.of("selector_" + name, scope -> {
            String queue = scope.queue("q");
            Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
            fillSix(session, queue);
            List<String> others = new ArrayList<>(List.of("3", "0", "1", "2", "4", "5"));
            List<String> wanted = new ArrayList<>(others);
            wanted.retainAll(List.of(expected));
            others.removeAll(wanted);
            Check.equal(wanted, BrowserCases.browse(session, queue, selector), "browsed");
            Check.equal(wanted, take(session, queue, selector), "taken");
            scope.expect(queue, others.toArray(String[]::new));
        });
    }

    /** Number 3 has a higher priority, number 1 is not durable, number 5 has no colour. */
    private static void fillSix(Session session, String queue) throws JMSException {
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 0; i < 6; i++) {
            Message message = numbered(session, i);
            message.setDoubleProperty("weight", i * 0.5);
            message.setBooleanProperty("even", i % 2 == 0);
            message.setStringProperty("quote", "it's " + i);
            message.setStringProperty("rate", i % 2 == 0 ? "10%" : "100");
            message.setJMSType("t" + i % 3);
            message.setJMSCorrelationID("c" + i);
            if (i < 5) {
                message.setStringProperty("colour", i % 2 == 0 ? "red" : "blue");
            }
            int mode = i == 1 ? DeliveryMode.NON_PERSISTENT : DeliveryMode.PERSISTENT;
            producer.send(message, mode, i == 3 ? 6 : 4, 0);
        }
        producer.close();
    }

    private static Message numbered(Session session, int number) throws JMSException {
        Message message = session.createTextMessage("" + number);
        message.setIntProperty("n", number);
        return message;
    }

    private static void fill(Session session, String queue, int count) throws JMSException {
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 0; i < count; i++) {
            producer.send(numbered(session, i));
        }
        if (session.getTransacted()) {
            session.commit();
        }
        producer.close();
    }

    /** Takes all that a selector lets through. */
    private static List<String> take(Session session, String queue, String selector) throws JMSException {
        List<String> texts = new ArrayList<>();
        try (MessageConsumer consumer = session.createConsumer(session.createQueue(queue), selector)) {
            for (Message m = consumer.receiveNoWait(); m != null; m = consumer.receiveNoWait()) {
                texts.add(Scope.text(m));
            }
        }
        return texts;
    }

    private static void messageId(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Message message = numbered(session, i);
            producer.send(message);
            ids.add(message.getJMSMessageID());
        }
        Check.equal(List.of("1"), take(session, queue, "JMSMessageID = '" + ids.get(1) + "'"), "taken");
        scope.expect(queue, "0", "2");
    }

    private static void invalid(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        for (String wrong : List.of("n =", "= 1", "n = 1 AND", "(n = 1", "n LIKE 3", "n IN ()", "n + 1", "'a' < n")) {
            try {
                session.createConsumer(session.createQueue(queue), wrong);
            } catch (InvalidSelectorException expected) {
                continue;
            }
            throw new Check.Failed("taken as a selector: " + wrong);
        }
        scope.fill(queue, "still works");
        scope.expect(queue, "still works");
    }

    private static void leavesTheRest(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        fill(session, queue, 300);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue), "n >= 100 AND n < 200");
        for (int i = 100; i < 200; i++) {
            Message message = Check.present(consumer.receive(Scope.COMES), "number " + i);
            Check.equal("" + i, Scope.text(message), "text");
            message.acknowledge();
        }
        Scope.expectNone(consumer, "all that it wants is taken");
        consumer.close();
        List<String> left = scope.drain(queue);
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            if (i < 100 || i >= 200) {
                expected.add("" + i);
            }
        }
        Check.equal(expected, left, "left");
    }

    private static void severalShare(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            String selector = "n % 5 = " + i;
            consumers.add(session.createConsumer(session.createQueue(queue), selector));
        }
        fill(session, queue, 100);
        for (int number = 0; number < 100; number++) {
            Scope.expectNext(consumers.get(number % 5), "" + number);
        }
    }

    private static void waits(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session sending = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue), "n = 7");
        Scope.expectNone(consumer, "an empty queue");
        MessageProducer producer = sending.createProducer(sending.createQueue(queue));
        for (int i = 0; i < 10; i++) {
            producer.send(numbered(sending, i));
            if (i < 7) {
                Check.absent(consumer.receiveNoWait(), "a message that is not wanted");
            }
        }
        Scope.expectNext(consumer, "7");
        consumer.close();
        scope.expect(queue, "0", "1", "2", "3", "4", "5", "6", "8", "9");
    }

    private static void listener(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session sending = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        List<String> heard = new CopyOnWriteArrayList<>();
        CountDownLatch all = new CountDownLatch(10);
        session.createConsumer(session.createQueue(queue), "n < 10").setMessageListener(message -> {
            try {
                heard.add(Scope.text(message));
            } catch (JMSException e) {
                heard.add(e.toString());
            }
            all.countDown();
        });
        fill(sending, queue, 20);
        Check.that(all.await(Scope.COMES, TimeUnit.MILLISECONDS), "ten come");
        Check.equal(List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), heard, "heard");
        session.close();
        scope.expect(queue, "10", "11", "12", "13", "14", "15", "16", "17", "18", "19");
    }

    private static void windowed(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer odd = session.createConsumer(session.createQueue(queue), "n % 2 = 1");
        fill(session, queue, 40);
        for (int i = 1; i < 40; i += 2) {
            Scope.expectNext(odd, "" + i);
        }
        Scope.expectNone(odd, "only even ones are left");
        odd.close();
        Check.equal(20, scope.drain(queue).size(), "left");
    }

    private static void rollback(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        fill(session, queue, 6);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue), "n > 2");
        Scope.expectNext(consumer, "3", "4");
        session.rollback();
        Message again = Check.present(consumer.receive(Scope.COMES), "the first again");
        Check.equal("3", Scope.text(again), "text");
        Check.equal(true, again.getJMSRedelivered(), "redelivered");
        Scope.expectNext(consumer, "4", "5");
        session.commit();
        Scope.expectNone(consumer, "all that it wants is taken");
        consumer.close();
        scope.expect(queue, "0", "1", "2");
    }

    private static void recover(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        fill(session, queue, 6);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue), "n <> 0 AND n <> 2");
        Scope.expectNext(consumer, "1", "3");
        session.recover();
        Scope.expectNext(consumer, "1", "3", "4");
        Check.present(consumer.receive(Scope.COMES), "the last").acknowledge();
        consumer.close();
        scope.expect(queue, "0", "2");
    }

    /** What a consumer had in its buffer is there for another one, at its place. */
    private static void givesBack(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        fill(session, queue, 6);
        MessageConsumer one = session.createConsumer(session.createQueue(queue), "n > 1");
        MessageConsumer other = session.createConsumer(session.createQueue(queue), "n > 3");
        Scope.expectNext(one, "2");
        one.close();
        Scope.expectNext(other, "4", "5");
        other.close();
        scope.expect(queue, "0", "1", "3");
    }

    private static void replies(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        List<MessageConsumer> waiting = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            waiting.add(session.createConsumer(session.createQueue(queue), "JMSCorrelationID = 'call-" + i + "'"));
        }
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 29; i >= 0; i--) {
            Message reply = session.createTextMessage("reply " + i);
            reply.setJMSCorrelationID("call-" + i);
            producer.send(reply);
        }
        for (int i = 0; i < 30; i++) {
            Scope.expectNext(waiting.get(i), "reply " + i);
        }
    }

    /** Between them the two get everything once, each in order, and the one with the selector nothing else. */
    private static void besidePlain(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started("consumerWindowSize=1000").createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer some = session.createConsumer(session.createQueue(queue), "n >= 50");
        MessageConsumer any = session.createConsumer(session.createQueue(queue));
        fill(session, queue, 100);
        boolean[] seen = new boolean[100];
        int count = 0;
        int[] last = {-1, -1};
        MessageConsumer[] both = {any, some};
        while (count < 100) {
            int before = count;
            for (int i = 0; i < 2; i++) {
                Message message = both[i].receive(count == before ? 500 : Scope.EMPTY);
                if (message == null) {
                    continue;
                }
                int number = message.getIntProperty("n");
                Check.that(!seen[number], number + " came twice");
                Check.that(number > last[i], number + " came behind " + last[i]);
                Check.that(i == 0 || number >= 50, number + " is not wanted");
                seen[number] = true;
                last[i] = number;
                count++;
            }
            Check.that(count > before, "only " + count + " of 100 came");
        }
    }
}

package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Every combination of sends and acknowledgements that wait for the broker's answer and such that do not. */
final class BlockingCases {
    private static final int COUNT = 40;

    private BlockingCases() {
    }

    /** `blocking_dna`: durable sends, non-durable sends and acknowledgements wait; `o` stands for one that does not. */
    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (int bits = 0; bits < 8; bits++) {
            boolean durable = (bits & 4) != 0;
            boolean nonDurable = (bits & 2) != 0;
            boolean acknowledge = (bits & 1) != 0;
            String name = "blocking_" + (durable ? "d" : "o") + (nonDurable ? "n" : "o") + (acknowledge ? "a" : "o");
            String parameters = "blockOnDurableSend=" + durable + "&blockOnNonDurableSend=" + nonDurable
                    + "&blockOnAcknowledge=" + acknowledge;
            cases.add(Case.of(name, scope -> combination(scope, parameters, durable && nonDurable)));
            cases.add(Case.of(name + "_window", scope -> combination(scope,
                    parameters + "&confirmationWindowSize=2000", durable && nonDurable)));
        }
        return cases;
    }

    /** In every acknowledge mode: everything arrives in order, and what was acknowledged is gone. */
    private static void combination(Scope scope, String parameters, boolean sendsWait) throws Exception {
        for (int mode : new int[] {Session.AUTO_ACKNOWLEDGE, Session.CLIENT_ACKNOWLEDGE, Session.DUPS_OK_ACKNOWLEDGE,
            Session.SESSION_TRANSACTED}) {
            String queue = scope.queue("q" + mode);
            send(scope, parameters, queue, mode, sendsWait);
            receive(scope, parameters, queue, mode);
            scope.expect(queue, texts().subList(COUNT / 2, COUNT).toArray(String[]::new));
        }
    }

    private static List<String> texts() {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < COUNT; i++) {
            texts.add("m" + i + "x".repeat(i * 13 % 200));
        }
        return texts;
    }

    /** Durable and non-durable ones in turn, and a request between them whose answer must not be taken for another. */
    private static void send(Scope scope, String parameters, String queue, int mode, boolean waits) throws Exception {
        boolean transacted = mode == Session.SESSION_TRANSACTED;
        var connection = scope.connect(parameters);
        Session session = connection.createSession(transacted, mode);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        int number = 0;
        for (String text : texts()) {
            producer.setDeliveryMode(number % 3 == 0 ? DeliveryMode.NON_PERSISTENT : DeliveryMode.PERSISTENT);
            producer.send(session.createTextMessage(text));
            if (++number % 10 == 0) {
                session.createQueue(queue);
            }
        }
        if (transacted) {
            session.commit();
        }
        if (!waits && !transacted) {
            // Only closing waits for what was sent without waiting.
            connection.close();
        }
    }

    /** Takes the first half and acknowledges it; the other half lies in the buffer and goes back. */
    private static void receive(Scope scope, String parameters, String queue, int mode) throws Exception {
        boolean transacted = mode == Session.SESSION_TRANSACTED;
        var connection = scope.started(parameters);
        Session session = connection.createSession(transacted, mode);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Message last = null;
        List<String> texts = texts();
        for (String text : texts.subList(0, COUNT / 2)) {
            last = Check.present(consumer.receive(Scope.COMES), "waiting for " + text);
            Check.equal(text, Scope.text(last), "text");
            Check.equal(1, last.getIntProperty("JMSXDeliveryCount"), "delivery count");
        }
        if (transacted) {
            session.commit();
        } else if (mode == Session.CLIENT_ACKNOWLEDGE) {
            last.acknowledge();
        }
        connection.close();
    }
}

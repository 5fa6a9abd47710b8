package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.BytesMessage;
import javax.jms.DeliveryMode;
import javax.jms.IllegalStateRuntimeException;
import javax.jms.JMSConsumer;
import javax.jms.JMSContext;
import javax.jms.JMSProducer;
import javax.jms.Message;
import javax.jms.MessageFormatRuntimeException;
import javax.jms.Queue;
import javax.jms.Session;

/** The simplified interface of JMS 2.0. */
final class ContextCases {
    private ContextCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("context_send_and_receive", ContextCases::sendAndReceive),
                Case.of("context_producer_chain", ContextCases::chain),
                Case.of("context_delivery_settings", ContextCases::settings),
                Case.of("context_bodies", ContextCases::bodies),
                Case.of("context_receive_body_wrong", ContextCases::wrongBody),
                Case.of("context_transacted", ContextCases::transacted),
                Case.of("context_client_acknowledge", ContextCases::acknowledge),
                Case.of("context_second_of_one_connection", ContextCases::second),
                Case.of("context_no_auto_start", ContextCases::noAutoStart),
                Case.of("context_listener", ContextCases::listener),
                Case.of("context_closed", ContextCases::closed));
    }

    private static void sendAndReceive(Scope scope) throws Exception {
        String name = scope.queue("q");
        try (JMSContext context = scope.factory("").createContext()) {
            Queue queue = context.createQueue(name);
            context.createProducer().send(queue, "one").send(queue, "two");
            JMSConsumer consumer = context.createConsumer(queue);
            Check.equal("one", consumer.receiveBody(String.class, Scope.COMES), "first");
            Check.equal("two", consumer.receiveBody(String.class), "second");
            Check.absent(consumer.receiveBodyNoWait(String.class), "an empty queue");
            Check.absent(consumer.receiveBody(String.class, Scope.EMPTY), "an empty queue");
            Check.absent(consumer.receiveNoWait(), "an empty queue");
        }
    }

    /** What is set at the producer is in every message it sends until it is set anew. */
    private static void chain(Scope scope) throws Exception {
        String name = scope.queue("q");
        try (JMSContext context = scope.factory("").createContext()) {
            Queue queue = context.createQueue(name);
            JMSProducer producer = context.createProducer().setProperty("number", 1).setProperty("text", "Grüße")
                    .setProperty("long", 5L).setProperty("yes", true).setProperty("half", 0.5)
                    .setJMSCorrelationID("correlation").setJMSType("type").setJMSReplyTo(queue);
            producer.send(queue, "one").setProperty("number", 2).send(queue, "two").clearProperties().send(queue, "three");
            JMSConsumer consumer = context.createConsumer(queue);
            for (int i = 1; i <= 3; i++) {
                Message got = Check.present(consumer.receive(Scope.COMES), "message " + i);
                Check.equal(i < 3, got.propertyExists("number"), "a property of message " + i);
                if (i < 3) {
                    Check.equal(i, got.getIntProperty("number"), "number");
                    Check.equal("Grüße", got.getStringProperty("text"), "text");
                    Check.equal(5L, got.getObjectProperty("long"), "long");
                    Check.equal(true, got.getBooleanProperty("yes"), "boolean");
                    Check.equal(0.5, got.getObjectProperty("half"), "double");
                }
                Check.equal("correlation", got.getJMSCorrelationID(), "correlation id");
                Check.equal("type", got.getJMSType(), "type");
                Check.equal(name, ((Queue) got.getJMSReplyTo()).getQueueName(), "reply-to");
            }
        }
    }

    private static void settings(Scope scope) throws Exception {
        try (JMSContext context = scope.factory("").createContext()) {
            Queue queue = context.createQueue(scope.queue("q"));
            JMSConsumer consumer = context.createConsumer(queue);
            JMSProducer producer = context.createProducer();
            for (int priority = 0; priority <= 9; priority++) {
                int mode = priority % 2 == 0 ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT;
                long live = priority == 5 ? 0 : 3_600_000;
                long before = System.currentTimeMillis();
                producer.setPriority(priority).setDeliveryMode(mode).setTimeToLive(live).send(queue, "p" + priority);
                Message got = Check.present(consumer.receive(Scope.COMES), "priority " + priority);
                Check.equal(priority, got.getJMSPriority(), "priority");
                Check.equal(mode, got.getJMSDeliveryMode(), "delivery mode");
                if (live == 0) {
                    Check.equal(0L, got.getJMSExpiration(), "no expiration");
                } else {
                    long late = got.getJMSExpiration() - before - live;
                    Check.that(late >= 0 && late < 60_000, "expiration is " + late + " ms beside the hour");
                }
            }
            producer.setDisableMessageID(true).setDisableMessageTimestamp(true).send(queue, "bare");
            Message bare = Check.present(consumer.receive(Scope.COMES), "the bare one");
            Check.absent(bare.getJMSMessageID(), "message id");
            Check.equal(0L, bare.getJMSTimestamp(), "timestamp");
        }
    }

    /** Each way to send a body has its way to receive it. */
    private static void bodies(Scope scope) throws Exception {
        try (JMSContext context = scope.factory("").createContext()) {
            Queue queue = context.createQueue(scope.queue("q"));
            JMSConsumer consumer = context.createConsumer(queue);
            JMSProducer producer = context.createProducer();
            producer.send(queue, "text").send(queue, new byte[] {1, 2, 3});
            producer.send(queue, Map.of("key", 7)).send(queue, new ArrayList<>(List.of("object")));
            Check.equal("text", consumer.receiveBody(String.class, Scope.COMES), "text");
            Check.equalBytes(new byte[] {1, 2, 3}, consumer.receiveBody(byte[].class, Scope.COMES), "bytes");
            Check.equal(Map.of("key", 7), consumer.receiveBody(Map.class, Scope.COMES), "map");
            Check.equal(List.of("object"), consumer.receiveBody(ArrayList.class, Scope.COMES), "object");
            BytesMessage bytes = context.createBytesMessage();
            bytes.writeInt(5);
            producer.send(queue, bytes);
            Message got = Check.present(consumer.receive(Scope.COMES), "bytes message");
            Check.that(got.isBodyAssignableTo(byte[].class), "the body is bytes");
            Check.equalBytes(new byte[] {0, 0, 0, 5}, got.getBody(byte[].class), "body");
        }
    }

    /** A message without a body, or with another one, cannot be received as a text. */
    private static void wrongBody(Scope scope) throws Exception {
        try (JMSContext context = scope.factory("").createContext(JMSContext.CLIENT_ACKNOWLEDGE)) {
            Queue queue = context.createQueue(scope.queue("q"));
            context.createProducer().send(queue, new byte[] {1});
            JMSConsumer consumer = context.createConsumer(queue);
            Check.thrown(MessageFormatRuntimeException.class, () -> consumer.receiveBody(String.class, Scope.COMES),
                    "bytes as a text");
            context.recover();
            Check.equalBytes(new byte[] {1}, consumer.receiveBody(byte[].class, Scope.COMES), "as what it is");
            context.acknowledge();
        }
    }

    private static void transacted(Scope scope) throws Exception {
        String name = scope.queue("q");
        try (JMSContext context = scope.factory("").createContext(JMSContext.SESSION_TRANSACTED)) {
            Check.that(context.getTransacted(), "the context is transacted");
            Queue queue = context.createQueue(name);
            context.createProducer().send(queue, "never");
            context.rollback();
            context.createProducer().send(queue, "one").send(queue, "two");
            context.commit();
            JMSConsumer consumer = context.createConsumer(queue);
            Check.equal("one", consumer.receiveBody(String.class, Scope.COMES), "first");
            context.rollback();
            Check.equal("one", consumer.receiveBody(String.class, Scope.COMES), "first again");
            context.commit();
        }
        scope.expect(name, "two");
    }

    private static void acknowledge(Scope scope) throws Exception {
        String name = scope.queue("q");
        scope.fill(name, "1", "2", "3");
        try (JMSContext context = scope.factory("").createContext(JMSContext.CLIENT_ACKNOWLEDGE)) {
            JMSConsumer consumer = context.createConsumer(context.createQueue(name));
            Check.equal("1", consumer.receiveBody(String.class, Scope.COMES), "first");
            Check.equal("2", consumer.receiveBody(String.class, Scope.COMES), "second");
            context.acknowledge();
            Check.equal("3", consumer.receiveBody(String.class, Scope.COMES), "third");
        }
        // Waiting, not looking: a broker may give it back a moment after it has answered the close.
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Scope.expectNext(other.createConsumer(other.createQueue(name)), "3");
    }

    /** Contexts of one connection have each their own session; the connection ends with the last of them. */
    private static void second(Scope scope) throws Exception {
        String name = scope.queue("q");
        JMSContext first = scope.factory("").createContext();
        JMSContext transacted = first.createContext(JMSContext.SESSION_TRANSACTED);
        try (first; transacted) {
            Queue queue = first.createQueue(name);
            transacted.createProducer().send(queue, "later");
            first.createProducer().send(queue, "sooner");
            first.close();
            transacted.commit();
            JMSConsumer consumer = transacted.createConsumer(queue);
            Check.equal("sooner", consumer.receiveBody(String.class, Scope.COMES), "not in the transaction");
            Check.equal("later", consumer.receiveBody(String.class, Scope.COMES), "in the transaction");
            transacted.commit();
        }
    }

    private static void noAutoStart(Scope scope) throws Exception {
        String name = scope.queue("q");
        scope.fill(name, "waits");
        try (JMSContext context = scope.factory("").createContext()) {
            context.setAutoStart(false);
            JMSConsumer consumer = context.createConsumer(context.createQueue(name));
            Check.absent(consumer.receive(100), "not started");
            context.start();
            Check.equal("waits", consumer.receiveBody(String.class, Scope.COMES), "started");
            context.stop();
            scope.fill(name, "stopped");
            Check.absent(consumer.receive(100), "stopped");
            context.start();
            Check.equal("stopped", consumer.receiveBody(String.class, Scope.COMES), "started again");
        }
    }

    private static void listener(Scope scope) throws Exception {
        String name = scope.queue("q");
        List<String> seen = new CopyOnWriteArrayList<>();
        CountDownLatch all = new CountDownLatch(3);
        try (JMSContext context = scope.factory("").createContext()) {
            context.createConsumer(context.createQueue(name)).setMessageListener(message -> {
                seen.add(Texts.of(message));
                all.countDown();
            });
            scope.fill(name, "1", "2", "3");
            Check.that(all.await(10, TimeUnit.SECONDS), "three deliveries, came " + seen);
        }
        Check.equal(List.of("1", "2", "3"), seen, "deliveries");
    }

    private static void closed(Scope scope) throws Exception {
        JMSContext context = scope.factory("").createContext();
        Queue queue = context.createQueue(scope.queue("q"));
        JMSProducer producer = context.createProducer();
        JMSConsumer consumer = context.createConsumer(queue);
        producer.send(queue, "one");
        consumer.close();
        context.close();
        context.close();
        Check.thrown(IllegalStateRuntimeException.class, context::createTextMessage, "a message of a closed context");
        Check.thrown(IllegalStateRuntimeException.class, () -> producer.send(queue, "two"), "send of a closed context");
        scope.expect(scope.queue("q"), "one");
    }
}

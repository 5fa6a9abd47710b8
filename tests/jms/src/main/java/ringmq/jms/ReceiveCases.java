package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Ways to receive: waiting, not waiting, listening, and windows of every kind. */
final class ReceiveCases {
    private ReceiveCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("receive_empty", ReceiveCases::empty),
                Case.of("receive_no_wait_finds_all", ReceiveCases::noWaitFindsAll),
                Case.of("receive_blocks_until_sent", ReceiveCases::blocksUntilSent),
                Case.of("window_0", scope -> window(scope, 0)),
                Case.of("window_1", scope -> window(scope, 1)),
                Case.of("window_1000", scope -> window(scope, 1000)),
                Case.of("window_unlimited", scope -> window(scope, -1)),
                Case.of("window_0_shared", ReceiveCases::window0Shared),
                Case.of("window_default_over_and_over", ReceiveCases::credits),
                Case.of("listener", scope -> listener(scope, "")),
                Case.of("listener_window_0", scope -> listener(scope, "consumerWindowSize=0")),
                Case.of("consumers_share_queue", ReceiveCases::share));
    }

    private static void empty(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String queue = scope.queue("q");
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        for (int i = 0; i < 200; i++) {
            Check.absent(consumer.receiveNoWait(), "an empty queue");
            Check.absent(consumer.receive(1), "an empty queue");
        }
        scope.fill(queue, "after all");
        Scope.expectNext(consumer, "after all");
    }

    /** When receiveNoWait says null, the queue was empty: a message that is there must come first. */
    private static void noWaitFindsAll(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String queue = scope.queue("q");
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 3; i++) {
                producer.send(session.createTextMessage(round + "/" + i));
            }
            for (int i = 0; i < 3; i++) {
                Message message = Check.present(consumer.receiveNoWait(), "a message that was acked to the sender");
                Check.equal(round + "/" + i, Scope.text(message), "text");
            }
            Check.absent(consumer.receiveNoWait(), "an empty queue");
        }
    }

    private static void blocksUntilSent(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String queue = scope.queue("q");
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        FutureTask<Message> waiting = new FutureTask<>(consumer::receive);
        Thread thread = new Thread(waiting);
        thread.setDaemon(true);
        thread.start();
        scope.fill(queue, "at last");
        Check.equal("at last", Scope.text(waiting.get(10, TimeUnit.SECONDS)), "text");
    }

    /**
     * With each window: all messages come, in order, and then none. Without waiting they come only where the broker
     * cannot be short of credits: with a small window the client's credits may still be under way.
     */
    private static void window(Scope scope, int size) throws Exception {
        Session session = scope.started("consumerWindowSize=" + size).createSession(false, Session.AUTO_ACKNOWLEDGE);
        String queue = scope.queue("q");
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Check.absent(consumer.receive(20), "an empty queue");
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 100; i++) {
                producer.send(session.createTextMessage(round + "/" + i + "x".repeat(i * 37 % 2000)));
            }
            for (int i = 0; i < 100; i++) {
                Message message = size > 0 || i % 2 == 0 ? consumer.receive(Scope.COMES) : consumer.receiveNoWait();
                Check.equal(round + "/" + i + "x".repeat(i * 37 % 2000), Scope.text(Check.present(message, "#" + i)),
                        "text of " + i);
            }
            Check.absent(consumer.receive(20), "an empty queue");
            Check.absent(consumer.receiveNoWait(), "an empty queue");
        }
    }

    /** A consumer without a window takes nothing away from others while it does not ask. */
    private static void window0Shared(Scope scope) throws Exception {
        Session session = scope.started("consumerWindowSize=0").createSession(false, Session.AUTO_ACKNOWLEDGE);
        String queue = scope.queue("q");
        MessageConsumer idle = session.createConsumer(session.createQueue(queue));
        MessageConsumer busy = session.createConsumer(session.createQueue(queue));
        scope.fill(queue, "1", "2", "3", "4");
        Scope.expectNext(busy, "1", "2", "3");
        Scope.expectNext(idle, "4");
        Check.absent(busy.receiveNoWait(), "an empty queue");
        Check.absent(idle.receiveNoWait(), "an empty queue");
    }

    /** Several times the window of 1 MiB goes through one consumer: credits that are counted wrongly end in silence. */
    private static void credits(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session sending = scope.started("blockOnDurableSend=false").createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = sending.createProducer(sending.createQueue(queue));
        String body = "x".repeat(900);
        int count = 5000;
        for (int i = 1; i <= count; i++) {
            producer.send(sending.createTextMessage(body + i));
            if (i % 500 == 0) {
                sending.commit();
            }
        }
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        for (int i = 1; i <= count; i++) {
            Scope.expectNext(consumer, body + i);
        }
    }

    private static void listener(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session sending = scope.connect().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = sending.createProducer(sending.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        int count = 200;
        List<String> expected = new ArrayList<>();
        List<String> seen = new CopyOnWriteArrayList<>();
        CountDownLatch all = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            if (i == count / 2) {
                // Half of them lie there already, half come while it listens.
                consumer.setMessageListener(message -> {
                    try {
                        seen.add(Scope.text(message));
                    } catch (JMSException e) {
                        seen.add(e.toString());
                    }
                    all.countDown();
                });
            }
            expected.add("m" + i);
            producer.send(sending.createTextMessage("m" + i));
        }
        Check.that(all.await(10, TimeUnit.SECONDS), count + " deliveries, came " + seen.size());
        consumer.close();
        Check.equal(expected, seen, "deliveries");
    }

    /** Three consumers that wait at the same queue each get a part; together exactly what was sent. */
    private static void share(Scope scope) throws Exception {
        String queue = scope.queue("q");
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
            consumers.add(session.createConsumer(session.createQueue(queue)));
        }
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            expected.add("m" + (100 + i));
        }
        scope.fill(queue, expected.toArray(String[]::new));
        List<String> seen = new ArrayList<>();
        for (MessageConsumer consumer : consumers) {
            int before = seen.size();
            for (Message m = consumer.receiveNoWait(); m != null; m = consumer.receiveNoWait()) {
                seen.add(Scope.text(m));
            }
            Check.that(seen.size() > before, "a waiting consumer got nothing of 30 messages");
        }
        seen.sort(null);
        Check.equal(expected, seen, "all messages, each once");
    }
}

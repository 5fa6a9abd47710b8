package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.CompletionListener;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Ways to send: blocking, not blocking, with a listener, to many addresses, from many threads. */
final class ProducerCases {
    private ProducerCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("several_producers_and_consumers", ProducerCases::severalThreads),
                Case.of("async_send_no_window", scope -> async(scope, "")),
                Case.of("async_send_window", scope -> async(scope, "confirmationWindowSize=100000")),
                Case.of("async_send_small_window", scope -> async(scope, "confirmationWindowSize=1000")),
                Case.of("nonpersistent", scope -> nonPersistent(scope, "")),
                Case.of("nonpersistent_blocking", scope -> nonPersistent(scope, "blockOnNonDurableSend=true")),
                Case.of("durable_not_blocking", scope -> notBlocking(scope, "blockOnDurableSend=false")),
                Case.of("durable_not_blocking_window",
                        scope -> notBlocking(scope, "blockOnDurableSend=false&confirmationWindowSize=2000")),
                Case.of("producer_window_unlimited", scope -> notBlocking(scope, "producerWindowSize=-1")),
                Case.of("producer_window_1000", scope -> notBlocking(scope, "producerWindowSize=1000")),
                Case.of("anonymous_producer", ProducerCases::anonymous),
                Case.of("anonymous_many_queues", ProducerCases::anonymousMany),
                Case.of("large_flow", ProducerCases::largeFlow));
    }

    /** Four producers and three consumers, each a thread with its own connection, on one queue. */
    private static void severalThreads(Scope scope) throws Exception {
        String queue = scope.queue("q");
        int producers = 4;
        int each = 150;
        AtomicInteger open = new AtomicInteger(producers * each);
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            List<Future<List<String>>> received = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                Session session = scope.started().createSession(i == 2, i == 2 ? 0 : Session.AUTO_ACKNOWLEDGE);
                received.add(threads.submit(() -> receive(session, queue, open)));
            }
            List<Future<Void>> sent = new ArrayList<>();
            for (int i = 0; i < producers; i++) {
                sent.add(threads.submit(sender(scope, queue, i, each)));
            }
            for (Future<Void> one : sent) {
                one.get();
            }
            List<String> all = new ArrayList<>();
            for (Future<List<String>> one : received) {
                List<String> texts = one.get();
                checkOrder(texts);
                all.addAll(texts);
            }
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < producers; i++) {
                for (int k = 0; k < each; k++) {
                    expected.add(i + " " + (1000 + k));
                }
            }
            all.sort(null);
            Check.equal(expected, all, "all messages, each once");
        } finally {
            threads.shutdownNow();
        }
    }

    private static Callable<Void> sender(Scope scope, String queue, int number, int count) {
        return () -> {
            Session session = scope.connect().createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageProducer producer = session.createProducer(session.createQueue(queue));
            for (int k = 0; k < count; k++) {
                producer.send(session.createTextMessage(number + " " + (1000 + k)));
            }
            return null;
        };
    }

    private static List<String> receive(Session session, String queue, AtomicInteger open) throws Exception {
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        List<String> texts = new ArrayList<>();
        while (open.get() > 0) {
            Message message = consumer.receive(10);
            if (message != null) {
                texts.add(Scope.text(message));
                if (session.getTransacted()) {
                    session.commit();
                }
                open.decrementAndGet();
            }
        }
        return texts;
    }

    /** One consumer sees the messages of one producer in the order of sending. */
    private static void checkOrder(List<String> texts) {
        Map<String, String> last = new TreeMap<>();
        for (String text : texts) {
            String before = last.put(text.split(" ")[0], text);
            Check.that(before == null || before.compareTo(text) < 0, text + " came after " + before);
        }
    }

    /** Counts what comes back for asynchronous sends. */
    private static final class Completions implements CompletionListener {
        private final CountDownLatch latch;
        private final List<String> completed = new CopyOnWriteArrayList<>();
        private final List<String> failed = new CopyOnWriteArrayList<>();

        Completions(int count) {
            latch = new CountDownLatch(count);
        }

        @Override
        public void onCompletion(Message message) {
            note(message, completed);
        }

        @Override
        public void onException(Message message, Exception exception) {
            note(message, failed);
        }

        private void note(Message message, List<String> where) {
            try {
                where.add(Scope.text(message));
            } catch (JMSException e) {
                where.add(e.toString());
            }
            latch.countDown();
        }
    }

    /** Every send is completed once, in order, and the messages are there. */
    private static void async(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        int count = 300;
        Session session = scope.connect(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        Completions completions = new Completions(count);
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            expected.add("m" + i);
            producer.send(session.createTextMessage("m" + i), completions);
        }
        Check.that(completions.latch.await(10, TimeUnit.SECONDS),
                count + " completions, came " + completions.completed.size());
        Check.equal(List.of(), completions.failed, "failed sends");
        Check.equal(expected, completions.completed, "completed sends");
        session.close();
        scope.expect(queue, expected.toArray(String[]::new));
    }

    private static void nonPersistent(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        for (int i = 0; i < 200; i++) {
            producer.send(session.createTextMessage("m" + i));
            // A blocking request after sends that nobody answers: answers that were not asked for would be taken here.
            session.createQueue(queue);
        }
        for (int i = 0; i < 200; i++) {
            Message message = Check.present(consumer.receive(Scope.COMES), "#" + i);
            Check.equal("m" + i, Scope.text(message), "text");
            Check.equal(DeliveryMode.NON_PERSISTENT, message.getJMSDeliveryMode(), "delivery mode");
        }
    }

    /** Nothing waits for the broker but the closing of the session; then everything is there, in order. */
    private static void notBlocking(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.connect(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            expected.add("m" + i + "x".repeat(i));
            producer.send(session.createTextMessage(expected.get(i)));
        }
        session.close();
        scope.expect(queue, expected.toArray(String[]::new));
    }

    private static void anonymous(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(null);
        String one = scope.queue("one");
        String two = scope.queue("two");
        for (int i = 0; i < 10; i++) {
            producer.send(session.createQueue(one), session.createTextMessage("one " + i));
            producer.send(session.createQueue(two), session.createTextMessage("two " + i));
        }
        for (String name : List.of("one", "two")) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(scope.queue(name)));
            for (int i = 0; i < 10; i++) {
                Scope.expectNext(consumer, name + " " + i);
            }
        }
    }

    /** Credits are kept per address: each of a hundred must get its own. */
    private static void anonymousMany(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(null);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < 100; i++) {
                String text = "to " + i + " in round " + round;
                producer.send(session.createQueue(scope.queue("q" + i)), session.createTextMessage(text));
            }
        }
        for (int i = 0; i < 100; i++) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(scope.queue("q" + i)));
            Scope.expectNext(consumer, "to " + i + " in round 0", "to " + i + " in round 1");
            consumer.close();
        }
    }

    /** Each message costs more credits than the producer's window has. */
    private static void largeFlow(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        // Two bytes a letter: just below the 100 KiB from which the client cuts a message into chunks.
        String body = "漢".repeat(45_000);
        for (int i = 0; i < 40; i++) {
            producer.send(session.createTextMessage(body + i));
        }
        for (int i = 0; i < 40; i++) {
            Scope.expectNext(consumer, body + i);
        }
    }
}

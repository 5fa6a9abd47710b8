package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.CompletionListener;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.IllegalStateException;
import javax.jms.JMSContext;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;

/** Asynchronous sends: what the listener is told, in which order, and what it may do. */
final class CompletionCases {
    private static final String WINDOW = "confirmationWindowSize=100000";

    private CompletionCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("completion_means_stored", CompletionCases::stored),
                Case.of("completion_order_of_two_producers", CompletionCases::twoProducers),
                Case.of("completion_nonpersistent", CompletionCases::nonPersistent),
                Case.of("completion_transacted", CompletionCases::transacted),
                Case.of("completion_before_close_returns", CompletionCases::beforeClose),
                Case.of("completion_of_closed_producer", CompletionCases::closedProducer),
                Case.of("completion_listener_throws", CompletionCases::listenerThrows),
                Case.of("completion_without_listener", CompletionCases::noListener),
                Case.of("completion_of_context", CompletionCases::context),
                Case.of("completion_behind_a_cut", CompletionCases::cut));
    }

    /** Notes what it is told: `+text` or `-text`. */
    private static class Noting implements CompletionListener {
        final List<String> told = new CopyOnWriteArrayList<>();
        private final CountDownLatch latch;

        Noting(int count) {
            latch = new CountDownLatch(count);
        }

        @Override
        public void onCompletion(Message message) {
            told.add("+" + Texts.of(message));
            latch.countDown();
        }

        @Override
        public void onException(Message message, Exception exception) {
            told.add("-" + Texts.of(message));
            latch.countDown();
        }

        void await() throws InterruptedException {
            Check.that(latch.await(10, TimeUnit.SECONDS), latch.getCount() + " more answers, came " + told.size());
        }
    }

    private static List<String> prefixed(String prefix, List<String> texts) {
        return texts.stream().map(text -> prefix + text).toList();
    }

    /** A completed durable send is there for everybody. */
    private static void stored(Scope scope) throws Exception {
        String name = scope.queue("q");
        Session session = scope.connect(WINDOW).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        for (int i = 0; i < 20; i++) {
            Noting noting = new Noting(1);
            producer.send(session.createTextMessage("m" + i), noting);
            noting.await();
            Check.equal(List.of("+m" + i), noting.told, "completion");
            scope.expect(name, "m" + i);
        }
    }

    /** The sends of one session are completed in their order, whichever producer made them. */
    private static void twoProducers(Scope scope) throws Exception {
        String one = scope.queue("one");
        String two = scope.queue("two");
        Session session = scope.connect(WINDOW).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer first = session.createProducer(session.createQueue(one));
        MessageProducer second = session.createProducer(session.createQueue(two));
        Noting noting = new Noting(100);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            sent.add("m" + i);
            (i % 3 == 0 ? first : second).send(session.createTextMessage("m" + i), noting);
        }
        noting.await();
        Check.equal(prefixed("+", sent), noting.told, "completions");
        List<String> found = scope.drain(one);
        Check.equal(34, found.size(), "at the first queue");
        found.addAll(scope.drain(two));
        Check.equal(100, found.size(), "at both queues");
        Check.that(found.containsAll(sent), "every message is in one of the queues");
    }

    private static void nonPersistent(Scope scope) throws Exception {
        String name = scope.queue("q");
        Session session = scope.connect(WINDOW).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        Noting noting = new Noting(100);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            sent.add("m" + i);
            int mode = i % 2 == 0 ? DeliveryMode.NON_PERSISTENT : DeliveryMode.PERSISTENT;
            producer.send(session.createTextMessage("m" + i), mode, 4, 0, noting);
        }
        noting.await();
        Check.equal(prefixed("+", sent), noting.told, "completions");
        scope.expect(name, sent.toArray(String[]::new));
    }

    /** In a transaction the answer says that the broker has the message; whether it counts the commit decides. */
    private static void transacted(Scope scope) throws Exception {
        String name = scope.queue("q");
        Session session = scope.connect(WINDOW).createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        Noting noting = new Noting(3);
        producer.send(session.createTextMessage("never"), noting);
        session.rollback();
        producer.send(session.createTextMessage("one"), noting);
        producer.send(session.createTextMessage("two"), noting);
        session.commit();
        noting.await();
        Check.equal(List.of("+never", "+one", "+two"), noting.told, "completions");
        scope.expect(name, "one", "two");
    }

    /** close() returns when every listener has been told. */
    private static void beforeClose(Scope scope) throws Exception {
        String name = scope.queue("q");
        for (String what : List.of("session", "connection")) {
            Connection connection = scope.connect(WINDOW);
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageProducer producer = session.createProducer(session.createQueue(name));
            Noting noting = new Noting(50);
            List<String> sent = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                sent.add(what + i);
                producer.send(session.createTextMessage(what + i), noting);
            }
            if (what.equals("session")) {
                session.close();
            } else {
                connection.close();
            }
            noting.await();
            Check.equal(prefixed("+", sent), noting.told, "completions before the " + what + " was closed");
            scope.expect(name, sent.toArray(String[]::new));
        }
    }

    private static void closedProducer(Scope scope) throws Exception {
        String name = scope.queue("q");
        Connection connection = scope.connect(WINDOW);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        Noting noting = new Noting(1);
        Message message = session.createTextMessage("never");
        producer.close();
        Check.thrown(IllegalStateException.class, () -> producer.send(message, noting), "a closed producer");
        MessageProducer other = session.createProducer(session.createQueue(name));
        connection.close();
        Check.thrown(IllegalStateException.class, () -> other.send(message, noting), "a closed connection");
        Check.equal(List.of(), noting.told, "a send that was refused is not completed");
        scope.expect(name);
    }

    /** The listener's own exceptions do no harm to the sends behind it. */
    private static void listenerThrows(Scope scope) throws Exception {
        String name = scope.queue("q");
        Session session = scope.connect(WINDOW).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        Noting noting = new Noting(10) {
            @Override
            public void onCompletion(Message message) {
                super.onCompletion(message);
                throw new IllegalArgumentException("the case's own exception");
            }
        };
        for (int i = 0; i < 10; i++) {
            producer.send(session.createTextMessage("m" + i), noting);
        }
        noting.await();
        Check.equal(10L, noting.told.stream().filter(text -> text.startsWith("+")).distinct().count(), "completions");
        Check.equal(10, scope.drain(name).size(), "messages");
    }

    private static void noListener(Scope scope) throws Exception {
        Session session = scope.connect().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(scope.queue("q")));
        Message message = session.createTextMessage("never");
        Check.thrown(IllegalArgumentException.class, () -> producer.send(message, (CompletionListener) null), "null");
    }

    private static void context(Scope scope) throws Exception {
        String name = scope.queue("q");
        Noting noting = new Noting(3);
        try (JMSContext context = scope.factory(WINDOW).createContext()) {
            Queue queue = context.createQueue(name);
            context.createProducer().setAsync(noting).send(queue, "1").send(queue, "2").send(queue, "3");
            noting.await();
        }
        Check.equal(List.of("+1", "+2", "+3"), noting.told, "completions");
        scope.expect(name, "1", "2", "3");
    }

    /** Behind a connection that broke for good a send is refused; what was completed before it is there. */
    private static void cut(Scope scope) throws Exception {
        String name = scope.queue("q");
        Connection connection = scope.connect(WINDOW + "&reconnectAttempts=0");
        CountDownLatch noticed = new CountDownLatch(1);
        connection.setExceptionListener(exception -> noticed.countDown());
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(name));
        Noting noting = new Noting(3);
        for (int i = 0; i < 3; i++) {
            producer.send(session.createTextMessage("m" + i), noting);
        }
        noting.await();
        Message late = session.createTextMessage("never");
        CutCases.cut(connection);
        CutCases.await(noticed, "the exception listener was not told of the cut");
        Check.that(refused(producer, late), "sends behind the cut were never refused");
        Check.equal(List.of("+m0", "+m1", "+m2"), noting.told, "completions");
        scope.expect(name, "m0", "m1", "m2");
    }

    /** The client closes its session a moment after it has told of the cut, so the first send may still be taken. */
    private static boolean refused(MessageProducer producer, Message message) {
        long end = System.nanoTime() + 10_000_000_000L;
        while (System.nanoTime() < end) {
            try {
                producer.send(message, new Noting(1));
            } catch (JMSException e) {
                return true;
            }
        }
        return false;
    }
}

package ringmq.jms;

import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import javax.jms.Connection;
import javax.jms.IllegalStateException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Closing in every order, with work left open, and what may be done afterwards. */
final class CloseCases {
    private CloseCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("close_inside_out", scope -> close(scope, "consumer", "producer", "session", "connection")),
                Case.of("close_producer_open", scope -> close(scope, "consumer", "session", "connection")),
                Case.of("close_session_first", scope -> close(scope, "session", "consumer", "producer", "connection")),
                Case.of("close_connection_first",
                        scope -> close(scope, "connection", "session", "consumer", "producer")),
                Case.of("close_twice", scope -> close(scope, "consumer", "consumer", "session", "session",
                        "connection", "connection")),
                Case.of("close_while_receiving", CloseCases::whileReceiving),
                Case.of("close_consumer_reopen", CloseCases::reopen),
                Case.of("use_after_close", CloseCases::useAfterClose));
    }

    /** Whatever is closed first, what was acknowledged is gone and what was not is still there. */
    private static void close(Scope scope, String... order) throws Exception {
        for (int mode : new int[] {Session.AUTO_ACKNOWLEDGE, Session.CLIENT_ACKNOWLEDGE, Session.SESSION_TRANSACTED}) {
            String queue = scope.queue("q" + mode);
            scope.fill(queue, "1", "2", "3");
            Connection connection = scope.started();
            Session session = connection.createSession(mode == Session.SESSION_TRANSACTED, mode);
            MessageProducer producer = session.createProducer(session.createQueue(queue));
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            Message message = Check.present(consumer.receive(Scope.COMES), "the first");
            Check.equal("1", Scope.text(message), "text");
            producer.send(session.createTextMessage("4"));
            for (String what : order) {
                switch (what) {
                    case "consumer" -> consumer.close();
                    case "producer" -> producer.close();
                    case "session" -> session.close();
                    default -> connection.close();
                }
            }
            switch (mode) {
                case Session.AUTO_ACKNOWLEDGE -> scope.expect(queue, "2", "3", "4");
                case Session.CLIENT_ACKNOWLEDGE -> scope.expect(queue, "1", "2", "3", "4");
                default -> scope.expect(queue, "1", "2", "3");
            }
        }
    }

    /** A thread that waits in receive() is woken with null, and closing does not wait for it. */
    private static void whileReceiving(Scope scope) throws Exception {
        for (String what : List.of("consumer", "session", "connection")) {
            Connection connection = scope.started();
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer consumer = session.createConsumer(session.createQueue(scope.queue("q")));
            FutureTask<Message> waiting = new FutureTask<>(consumer::receive);
            Thread thread = new Thread(waiting, "receiving");
            thread.setDaemon(true);
            thread.start();
            while (thread.getState() != Thread.State.WAITING && thread.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            switch (what) {
                case "consumer" -> consumer.close();
                case "session" -> session.close();
                default -> connection.close();
            }
            Check.absent(waiting.get(10, TimeUnit.SECONDS), "receive() ended by closing the " + what);
        }
    }

    /** What a closed consumer had in its buffer goes to the next one, in order. */
    private static void reopen(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String[] texts = new String[100];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = "m" + i;
        }
        scope.fill(queue, texts);
        for (String text : texts) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
            Scope.expectNext(consumer, text);
            consumer.close();
        }
    }

    private static void useAfterClose(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Message message = session.createTextMessage("late");
        producer.close();
        consumer.close();
        Check.thrown(IllegalStateException.class, () -> producer.send(message), "send with a closed producer");
        Check.thrown(IllegalStateException.class, consumer::receive, "receive with a closed consumer");
        session.close();
        Check.thrown(IllegalStateException.class, () -> session.createQueue(queue), "use of a closed session");
        connection.close();
        Check.thrown(IllegalStateException.class, () -> connection.createSession(false, Session.AUTO_ACKNOWLEDGE),
                "use of a closed connection");
    }
}

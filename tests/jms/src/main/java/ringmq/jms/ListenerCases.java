package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.Connection;
import javax.jms.IllegalStateException;
import javax.jms.JMSException;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** Listeners: what they may do, what happens when they throw, and when they are told. */
final class ListenerCases {
    private ListenerCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("listener_one_at_a_time", ListenerCases::oneAtATime),
                Case.of("listener_replaced", ListenerCases::replaced),
                Case.of("listener_and_receive", ListenerCases::andReceive),
                Case.of("listener_stopped_connection", ListenerCases::stopped),
                Case.of("listener_closes_its_consumer", ListenerCases::closesConsumer),
                Case.of("listener_closes_connection", ListenerCases::closesConnection),
                Case.of("listener_commits", ListenerCases::commits),
                Case.of("listener_rolls_back", ListenerCases::rollsBack),
                Case.of("listener_answers", ListenerCases::answers),
                Case.of("listener_throws_client_acknowledge", ListenerCases::throwsClient),
                Case.of("exception_listener_after_cut", ListenerCases::exceptionListener));
    }

    private static MessageConsumer consumer(Session session, String queue) throws Exception {
        return session.createConsumer(session.createQueue(queue));
    }

    /** Two listeners of one session never run at the same time. */
    private static void oneAtATime(Scope scope) throws Exception {
        String one = scope.queue("one");
        String two = scope.queue("two");
        Connection connection = scope.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch all = new CountDownLatch(60);
        for (String queue : List.of(one, two)) {
            String[] texts = new String[30];
            for (int i = 0; i < texts.length; i++) {
                texts[i] = queue + i;
            }
            scope.fill(queue, texts);
            consumer(session, queue).setMessageListener(message -> {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                Thread.yield();
                inside.decrementAndGet();
                all.countDown();
            });
        }
        connection.start();
        Check.that(all.await(10, TimeUnit.SECONDS), "all deliveries, missing " + all.getCount());
        session.close();
        Check.equal(1, most.get(), "listeners at the same time");
    }

    private static void replaced(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        Notes first = new Notes(1);
        Notes second = new Notes(1);
        consumer.setMessageListener(message -> first.add(Texts.of(message), () -> { }));
        scope.fill(queue, "1");
        first.expect("1");
        consumer.setMessageListener(message -> second.add(Texts.of(message), () -> { }));
        scope.fill(queue, "2");
        second.expect("2");
        consumer.close();
        first.expect("1");
    }

    private static void andReceive(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        Notes notes = new Notes(1);
        consumer.setMessageListener(message -> notes.add(Texts.of(message), () -> { }));
        Check.thrown(JMSException.class, () -> consumer.receive(10), "receive() beside a listener");
        Check.thrown(JMSException.class, consumer::receiveNoWait, "receiveNoWait() beside a listener");
        scope.fill(queue, "for the listener");
        notes.expect("for the listener");
        consumer.close();
    }

    /** stop() waits for the listener that runs, and behind it none runs until start(). */
    private static void stopped(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Notes notes = new Notes(2);
        consumer(session, queue).setMessageListener(message -> notes.add(Texts.of(message), () -> { }));
        connection.stop();
        scope.fill(queue, "1", "2");
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        // The broker has answered a request behind both, so what it delivers to a stopped connection would be there.
        other.createQueue(queue);
        Check.equal(List.of(), notes.seen, "deliveries of a stopped connection");
        connection.start();
        notes.expect("1", "2");
        session.close();
    }

    /** The client acknowledges behind the listener, so a listener that closes its consumer leaves its message as well. */
    private static void closesConsumer(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        Notes notes = new Notes(1);
        consumer.setMessageListener(message -> notes.add(Texts.of(message), consumer::close));
        notes.expect("1");
        session.close();
        scope.expect(queue, "1", "2", "3");
    }

    /** A listener may not close the connection that waits for it. */
    private static void closesConnection(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        List<String> refused = new CopyOnWriteArrayList<>();
        CountDownLatch told = new CountDownLatch(1);
        consumer.setMessageListener(message -> {
            refused.add(refusal(connection::close));
            refused.add(refusal(connection::stop));
            refused.add(refusal(session::close));
            told.countDown();
        });
        scope.fill(queue, "1");
        Check.that(told.await(10, TimeUnit.SECONDS), "the delivery");
        Check.equal(List.of("refused", "refused", "refused"), refused, "close, stop, close of the session");
        scope.fill(queue, "2");
        consumer.close();
        scope.drain(queue);
    }

    private static String refusal(Check.Throwing work) {
        try {
            work.run();
            return "done";
        } catch (IllegalStateException e) {
            return "refused";
        } catch (Exception e) {
            return e.toString();
        }
    }

    private static void commits(Scope scope) throws Exception {
        String from = scope.queue("from");
        String to = scope.queue("to");
        scope.fill(from, "1", "2", "3");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(to));
        Notes notes = new Notes(3);
        consumer(session, from).setMessageListener(message -> notes.add(Texts.of(message), () -> {
            producer.send(session.createTextMessage("moved " + Scope.text(message)));
            session.commit();
        }));
        notes.expect("1", "2", "3");
        session.close();
        scope.expect(from);
        scope.expect(to, "moved 1", "moved 2", "moved 3");
    }

    private static void rollsBack(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        Notes notes = new Notes(4);
        consumer(session, queue).setMessageListener(message -> notes.add(Texts.counted(message), () -> {
            if (message.getIntProperty("JMSXDeliveryCount") < 3 && Scope.text(message).equals("1")) {
                session.rollback();
            } else {
                session.commit();
            }
        }));
        notes.expect("1/1", "1/2", "1/3", "2/1");
        session.close();
        scope.expect(queue);
    }

    /** Requests and answers, both sides with listeners. */
    private static void answers(Scope scope) throws Exception {
        String requests = scope.queue("requests");
        String replies = scope.queue("replies");
        Session serving = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = serving.createProducer(serving.createQueue(replies));
        Notes served = new Notes(50);
        consumer(serving, requests).setMessageListener(message -> served.add(Texts.of(message),
                () -> producer.send(serving.createTextMessage("re " + Scope.text(message)))));
        Session asking = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Notes answered = new Notes(50);
        consumer(asking, replies).setMessageListener(message -> answered.add(Texts.of(message), () -> { }));
        String[] asked = new String[50];
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < asked.length; i++) {
            asked[i] = "m" + i;
            expected.add("re m" + i);
        }
        scope.fill(requests, asked);
        served.expect(asked);
        answered.expect(expected.toArray(String[]::new));
        serving.close();
        asking.close();
    }

    /** What a listener threw at is not acknowledged, and it is not given back before somebody asks for it. */
    private static void throwsClient(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        List<String> seen = new CopyOnWriteArrayList<>();
        CountDownLatch two = new CountDownLatch(2);
        consumer.setMessageListener(message -> {
            seen.add(Texts.counted(message));
            two.countDown();
            if (seen.size() == 1) {
                throw new IllegalArgumentException("the case's own exception");
            }
        });
        Check.that(two.await(10, TimeUnit.SECONDS), "two deliveries, came " + seen);
        session.close();
        Check.equal(List.of("1/1", "2/1"), seen, "deliveries");
        scope.expect(queue, "1", "2");
    }

    private static void exceptionListener(Scope scope) throws Exception {
        Connection connection = scope.started("reconnectAttempts=0");
        CountDownLatch told = new CountDownLatch(1);
        connection.setExceptionListener(exception -> told.countDown());
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        CutCases.cut(connection);
        Check.that(told.await(10, TimeUnit.SECONDS), "the exception listener was not told of the cut");
    }
}

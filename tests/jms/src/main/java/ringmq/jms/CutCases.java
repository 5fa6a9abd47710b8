package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.artemis.api.core.client.FailoverEventType;
import org.apache.activemq.artemis.jms.client.ActiveMQConnection;

/** The TCP connection breaks while the broker lives. */
final class CutCases {
    /**
     * The client comes back by itself, for ever and soon. A client that knocks just when the broker dies is not told
     * so and sits out its call timeout, so that is short here.
     */
    static final String RECONNECT = "reconnectAttempts=-1&retryInterval=200&callTimeout=5000";

    private CutCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("cut_gives_back", CutCases::givesBack),
                Case.of("cut_reconnect", scope -> reconnect(scope, RECONNECT)),
                Case.of("cut_reconnect_window",
                        scope -> reconnect(scope, RECONNECT + "&confirmationWindowSize=1048576")),
                Case.of("cut_transaction", CutCases::transaction),
                Case.of("cut_async_sends", CutCases::asyncSends));
    }

    /** Closes the socket as a dead network would: without a word. */
    static void cut(Connection connection) {
        ((ActiveMQConnection) connection).getSessionFactory().getConnection().getTransportConnection().forceClose();
    }

    /** Opens when the client has told its listeners that it is connected again. */
    static CountDownLatch reconnected(Connection connection) throws JMSException {
        CountDownLatch latch = new CountDownLatch(1);
        ((ActiveMQConnection) connection).setFailoverListener(event -> {
            if (event == FailoverEventType.FAILOVER_COMPLETED) {
                latch.countDown();
            }
        });
        return latch;
    }

    static void await(CountDownLatch latch, String what) throws InterruptedException {
        Check.that(latch.await(30, TimeUnit.SECONDS), what);
    }

    /** The broker notices the end of the socket at once; what was delivered counts as delivered. */
    private static void givesBack(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Connection lost = scope.started();
        Session session = lost.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNext(consumer, "1", "2");
        producer.send(session.createTextMessage("never"));
        cut(lost);
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer second = other.createConsumer(other.createQueue(queue));
        for (String text : List.of("1", "2", "3")) {
            Message message = Check.present(second.receive(Scope.COMES), "waiting for " + text);
            Check.equal(text, Scope.text(message), "text");
            Check.equal(2, message.getIntProperty("JMSXDeliveryCount"), "delivery count of " + text);
            Check.equal(true, message.getJMSRedelivered(), "redelivered flag of " + text);
        }
    }

    /** Producer and consumer go on where they were; what was acknowledged on either side stays so. */
    private static void reconnect(Scope scope, String parameters) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(parameters);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        List<String> received = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            producer.send(session.createTextMessage("before " + round));
            received.add(Scope.next(consumer, "before the cut"));
            CountDownLatch again = reconnected(connection);
            cut(connection);
            await(again, "no reconnection after the cut");
            producer.send(session.createTextMessage("after " + round));
            // The acknowledgement of the last message is not waited for, so that one may come again.
            String next = Scope.next(consumer, "after the cut");
            if (next.equals("before " + round)) {
                next = Scope.next(consumer, "after the cut, behind a repetition");
            }
            received.add(next);
            session.createQueue(queue);
        }
        Check.equal(List.of("before 0", "after 0", "before 1", "after 1", "before 2", "after 2"), received, "received");
    }

    // proves: S1-144, S1-146, S3-22
    /** Work since the last commit is lost with the connection, and the application is told so. */
    private static void transaction(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2");
        Connection connection = scope.started(RECONNECT);
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNext(consumer, "1");
        producer.send(session.createTextMessage("never"));
        CountDownLatch again = reconnected(connection);
        cut(connection);
        await(again, "no reconnection after the cut");
        Check.thrown(TransactionRolledBackException.class, session::commit, "commit of lost work");
        Scope.expectNext(consumer, "1", "2");
        producer.send(session.createTextMessage("3"));
        session.commit();
        Scope.expectNext(consumer, "3");
        session.commit();
    }

    /**
     * Cuts between asynchronous sends: both sides must agree on how many packets they have confirmed. Not in the middle
     * of them, where the reference broker was seen to store messages twice and to lose some that it had confirmed.
     */
    private static void asyncSends(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(RECONNECT + "&confirmationWindowSize=10000");
        Sending sending = Sending.inBursts(connection, queue);
        for (int i = 0; i < 5; i++) {
            sending.burst(40);
            sending.awaitAnswers();
            CountDownLatch again = reconnected(connection);
            cut(connection);
            await(again, "no reconnection after the cut");
        }
        sending.burst(20);
        sending.end();
        sending.judge(scope.drain(queue));
    }
}

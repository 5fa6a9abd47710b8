package ringmq.jms;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.artemis.api.jms.ActiveMQJMSConstants;

/** The broker dies or is stopped, and comes back on the same port with the same disk. */
final class RestartCases {
    private static final String RECONNECT = CutCases.RECONNECT;

    /** Two bytes a letter: below the 100 KiB from which the client cuts a message into chunks. */
    private static final String LONG = "x".repeat(45_000);

    private RestartCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.restarting("restart_messages_survive", RestartCases::survive),
                Case.restarting("restart_sessions_go_on", RestartCases::goOn),
                Case.restarting("restart_while_sending", RestartCases::whileSending),
                Case.restarting("restart_async_sends", RestartCases::asyncSends),
                Case.restarting("restart_graceful", RestartCases::graceful),
                Case.restarting("restart_given_up", RestartCases::givenUp));
    }

    private static void killAndStart(Scope scope) throws Exception {
        scope.broker().kill();
        scope.broker().start();
    }

    /**
     * Everything the broker gave its word for is there after a kill, and nothing else: sends, acknowledgements and
     * transactions, with a client that does not reconnect.
     */
    private static void survive(Scope scope) throws Exception {
        String sent = scope.queue("sent");
        String acked = scope.queue("acked");
        String from = scope.queue("from");
        String to = scope.queue("to");
        scope.fill(sent, "1", "2", "3", LONG);
        scope.fill(acked, "1", "2", "3", "4");
        scope.fill(from, "1", "2", "3");
        Connection connection = scope.started("blockOnAcknowledge=true");
        Session individual = connection.createSession(false, ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer picking = individual.createConsumer(individual.createQueue(acked));
        Scope.expectNext(picking, "1");
        Check.present(picking.receive(Scope.COMES), "the second").acknowledge();
        Check.present(picking.receive(Scope.COMES), "the third").acknowledge();
        Session moving = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer taking = moving.createConsumer(moving.createQueue(from));
        MessageProducer giving = moving.createProducer(moving.createQueue(to));
        Scope.expectNext(taking, "1", "2");
        giving.send(moving.createTextMessage("moved 1 and 2"));
        moving.commit();
        Scope.expectNext(taking, "3");
        giving.send(moving.createTextMessage("never"));
        Session fleeting = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer passing = fleeting.createProducer(fleeting.createQueue(scope.queue("fleeting")));
        passing.send(fleeting.createTextMessage("gone"), DeliveryMode.NON_PERSISTENT, 4, 0);
        fleeting.createQueue(sent);
        killAndStart(scope);
        scope.expect(sent, "1", "2", "3", LONG);
        scope.expect(acked, "1", "4");
        scope.expect(from, "3");
        scope.expect(to, "moved 1 and 2");
        scope.expect(scope.queue("fleeting"));
    }

    // proves: S1-144, S1-146, S1-172, S3-22
    /** One connection with a session of every kind lives through a kill. */
    private static void goOn(Scope scope) throws Exception {
        String plain = scope.queue("plain");
        String work = scope.queue("work");
        String kept = scope.queue("kept");
        scope.fill(work, "1", "2");
        scope.fill(kept, "1", "2");
        Connection connection = scope.started(RECONNECT);
        Session auto = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = auto.createProducer(auto.createQueue(plain));
        MessageConsumer consumer = auto.createConsumer(auto.createQueue(plain));
        Scope.expectNone(consumer, "nothing sent yet");
        Session transacted = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer inside = transacted.createProducer(transacted.createQueue(work));
        MessageConsumer taking = transacted.createConsumer(transacted.createQueue(work));
        Scope.expectNext(taking, "1");
        inside.send(transacted.createTextMessage("never"));
        Session client = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer keeping = client.createConsumer(client.createQueue(kept));
        Message first = Check.present(keeping.receive(Scope.COMES), "the first");
        CountDownLatch again = CutCases.reconnected(connection);
        killAndStart(scope);
        CutCases.await(again, "no reconnection after the restart");
        // The session without open work: as if nothing had happened.
        producer.send(auto.createTextMessage("after the restart"));
        Scope.expectNext(consumer, "after the restart");
        Check.absent(consumer.receiveNoWait(), "an empty queue");
        // The transaction is lost and says so, once.
        Check.thrown(TransactionRolledBackException.class, transacted::commit, "commit of lost work");
        Scope.expectNext(taking, "1", "2");
        inside.send(transacted.createTextMessage("3"));
        transacted.commit();
        Scope.expectNext(taking, "3");
        transacted.commit();
        // So are acknowledgements that were open.
        Check.thrown(TransactionRolledBackException.class, first::acknowledge, "acknowledge of a lost delivery");
        Scope.expectNext(keeping, "1");
        Check.present(keeping.receive(Scope.COMES), "the second").acknowledge();
        Scope.expectNone(keeping, "after everything was acknowledged");
    }

    /** A thread sends all the time while the broker is killed. */
    private static void whileSending(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(RECONNECT);
        Sending sending = Sending.start(connection, queue);
        sending.awaitAcked(200);
        CountDownLatch again = CutCases.reconnected(connection);
        killAndStart(scope);
        CutCases.await(again, "no reconnection after the restart");
        sending.awaitAcked(20);
        sending.end();
        sending.judge(scope.drain(queue));
    }

    /** Killed in the middle of asynchronous sends: what was completed is there. */
    private static void asyncSends(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started(RECONNECT + "&confirmationWindowSize=10000");
        Sending sending = Sending.inBursts(connection, queue);
        sending.burst(300);
        CountDownLatch again = CutCases.reconnected(connection);
        killAndStart(scope);
        CutCases.await(again, "no reconnection after the restart");
        sending.burst(20);
        sending.end();
        sending.judge(scope.drain(queue));
    }

    /** A broker that stops tells its clients; they find it again when it is back. */
    private static void graceful(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "kept 1", "kept 2");
        Connection connection = scope.started(RECONNECT);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        CountDownLatch again = CutCases.reconnected(connection);
        scope.broker().stop();
        scope.broker().start();
        CutCases.await(again, "no reconnection after the restart");
        producer.send(session.createTextMessage("after the restart"));
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNext(consumer, "kept 1", "kept 2");
        Check.present(consumer.receive(Scope.COMES), "the last").acknowledge();
    }

    /** When the attempts are used up the application is told, and the connection is of no more use. */
    private static void givenUp(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.started("reconnectAttempts=3&retryInterval=100&callTimeout=1000");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        producer.send(session.createTextMessage("kept"));
        CountDownLatch told = new CountDownLatch(1);
        connection.setExceptionListener(e -> told.countDown());
        scope.broker().kill();
        CutCases.await(told, "no exception listener called");
        Check.thrown(JMSException.class, () -> producer.send(session.createTextMessage("never")),
                "a send on a connection that was given up");
        scope.broker().start();
        scope.expect(queue, "kept");
    }
}

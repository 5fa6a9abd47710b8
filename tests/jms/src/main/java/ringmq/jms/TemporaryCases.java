package ringmq.jms;

import java.util.List;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TemporaryQueue;

/** Temporary queues: for replies, for every session of their connection, and gone with it. */
final class TemporaryCases {
    private TemporaryCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("temporary_request_reply", TemporaryCases::requestReply),
                Case.of("temporary_outlives_its_session", TemporaryCases::outlivesItsSession),
                Case.of("temporary_goes_with_its_connection", TemporaryCases::goesWithItsConnection),
                Case.of("temporary_deleted_when_unused", TemporaryCases::deletedWhenUnused),
                Case.of("temporary_takes_transactions", TemporaryCases::takesTransactions));
    }

    /** The reply is sent by another connection, to where the request says. */
    private static void requestReply(Scope scope) throws Exception {
        String name = scope.queue("requests");
        Session asking = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session answering = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue replies = asking.createTemporaryQueue();
        MessageConsumer answers = asking.createConsumer(replies);
        MessageProducer requests = asking.createProducer(asking.createQueue(name));
        MessageConsumer requested = answering.createConsumer(answering.createQueue(name));
        MessageProducer replying = answering.createProducer(null);
        for (int i = 0; i < 20; i++) {
            Message request = asking.createTextMessage("question " + i);
            request.setJMSReplyTo(replies);
            requests.send(request);
            Message heard = Check.present(requested.receive(Scope.COMES), "a request");
            replying.send(heard.getJMSReplyTo(), answering.createTextMessage("answer " + i));
            Scope.expectNext(answers, "answer " + i);
        }
        Scope.expectNone(answers, "after the last answer");
    }

    private static void outlivesItsSession(Scope scope) throws Exception {
        Connection connection = scope.started();
        Session first = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue queue = first.createTemporaryQueue();
        first.createProducer(queue).send(first.createTextMessage("kept"));
        first.close();
        Session second = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Scope.expectNext(second.createConsumer(queue), "kept");
    }

    private static void goesWithItsConnection(Scope scope) throws Exception {
        Connection owner = scope.started();
        Session session = owner.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue queue = session.createTemporaryQueue();
        session.createProducer(queue).send(session.createTextMessage("lost with it"));
        String name = queue.getQueueName();
        owner.close();
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        // Under its name there is another queue now, and nothing in it.
        MessageConsumer consumer = other.createConsumer(other.createQueue(name));
        Scope.expectNone(consumer, "what was in a temporary queue");
    }

    private static void deletedWhenUnused(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue queue = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(queue);
        Check.thrown(JMSException.class, queue::delete, "delete under a consumer");
        consumer.close();
        queue.delete();
    }

    private static void takesTransactions(Scope scope) throws Exception {
        Connection connection = scope.started();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        TemporaryQueue queue = session.createTemporaryQueue();
        MessageProducer producer = session.createProducer(queue);
        producer.send(session.createTextMessage("rolled back"));
        session.rollback();
        producer.send(session.createTextMessage("committed"));
        session.commit();
        MessageConsumer consumer = session.createConsumer(queue);
        Scope.expectNext(consumer, "committed");
        session.rollback();
        Message again = Check.present(consumer.receive(Scope.COMES), "what was rolled back");
        Check.that(again.getJMSRedelivered(), "redelivered after a rollback");
        Check.equal(2, again.getIntProperty("JMSXDeliveryCount"), "delivery count");
        session.commit();
        Scope.expectNone(consumer, "after the commit");
    }
}

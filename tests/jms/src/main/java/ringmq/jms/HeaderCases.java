package ringmq.jms;

import java.util.List;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;

/** The JMS headers on both sides of the broker. */
final class HeaderCases {
    private HeaderCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("headers_round_trip", HeaderCases::roundTrip),
                Case.of("headers_correlation_bytes", HeaderCases::correlationBytes),
                Case.of("headers_disabled", HeaderCases::disabled),
                Case.of("priority_order", HeaderCases::priorityOrder),
                Case.of("reply_to_queue", HeaderCases::replyTo));
    }

    private static void roundTrip(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(scope.queue("q"));
        Queue answers = session.createQueue(scope.queue("answers"));
        MessageProducer producer = session.createProducer(queue);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int priority = 0; priority <= 9; priority++) {
            TextMessage message = session.createTextMessage("headers");
            message.setJMSCorrelationID("correlation Grüße " + priority);
            message.setJMSType("type 漢字");
            message.setJMSReplyTo(answers);
            int mode = priority % 2 == 0 ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT;
            long before = System.currentTimeMillis();
            producer.send(message, mode, priority, 0);
            long after = System.currentTimeMillis();
            Message got = Check.present(consumer.receive(Scope.COMES), "the message");
            Check.that(got.getJMSDestination() instanceof Queue, "the destination is a queue");
            Check.equal(queue.getQueueName(), ((Queue) got.getJMSDestination()).getQueueName(), "destination");
            Check.that(got.getJMSReplyTo() instanceof Queue, "the reply-to is a queue");
            Check.equal(answers.getQueueName(), ((Queue) got.getJMSReplyTo()).getQueueName(), "reply-to");
            Check.equal(message.getJMSMessageID(), got.getJMSMessageID(), "message id");
            Check.that(got.getJMSMessageID().startsWith("ID:"), "message id " + got.getJMSMessageID());
            Check.equal("correlation Grüße " + priority, got.getJMSCorrelationID(), "correlation id");
            Check.equal("type 漢字", got.getJMSType(), "type");
            Check.equal(mode, got.getJMSDeliveryMode(), "delivery mode");
            Check.equal(priority, got.getJMSPriority(), "priority");
            Check.equal(0L, got.getJMSExpiration(), "expiration");
            Check.equal(message.getJMSTimestamp(), got.getJMSTimestamp(), "timestamp");
            Check.that(before <= got.getJMSTimestamp() && got.getJMSTimestamp() <= after, "timestamp is the sender's");
            Check.equal(false, got.getJMSRedelivered(), "redelivered");
            Check.equal(1, got.getIntProperty("JMSXDeliveryCount"), "delivery count");
        }
    }

    private static void correlationBytes(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(scope.queue("q"));
        Message message = session.createMessage();
        byte[] id = {0, 1, (byte) 0xff, 127};
        message.setJMSCorrelationIDAsBytes(id);
        session.createProducer(queue).send(message);
        Message got = Check.present(session.createConsumer(queue).receive(Scope.COMES), "the message");
        Check.equalBytes(id, got.getJMSCorrelationIDAsBytes(), "correlation id");
    }

    private static void disabled(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(scope.queue("q"));
        MessageProducer producer = session.createProducer(queue);
        producer.setDisableMessageID(true);
        producer.setDisableMessageTimestamp(true);
        producer.send(session.createTextMessage("bare"));
        Message got = Check.present(session.createConsumer(queue).receive(Scope.COMES), "the message");
        Check.equal("bare", Scope.text(got), "text");
        Check.absent(got.getJMSMessageID(), "message id");
        Check.equal(0L, got.getJMSTimestamp(), "timestamp");
    }

    /** Higher priority first, and the order of sending within one priority. */
    private static void priorityOrder(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String name = scope.queue("q");
        MessageProducer producer = session.createProducer(session.createQueue(name));
        for (int priority : new int[] {4, 0, 9, 4, 5, 9, 0}) {
            for (String turn : List.of("a", "b")) {
                TextMessage message = session.createTextMessage(priority + turn);
                producer.send(message, DeliveryMode.PERSISTENT, priority, 0);
            }
        }
        scope.expect(name, "9a", "9b", "9a", "9b", "5a", "5b", "4a", "4b", "4a", "4b", "0a", "0b", "0a", "0b");
    }

    /** A responder answers to whatever queue the request names. */
    private static void replyTo(Scope scope) throws Exception {
        Session asking = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session answering = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue requests = asking.createQueue(scope.queue("requests"));
        Queue answers = asking.createQueue(scope.queue("answers"));
        MessageProducer producer = asking.createProducer(requests);
        MessageConsumer consumer = asking.createConsumer(answers);
        MessageConsumer served = answering.createConsumer(requests);
        MessageProducer anonymous = answering.createProducer(null);
        for (int i = 0; i < 10; i++) {
            TextMessage request = asking.createTextMessage("request " + i);
            request.setJMSReplyTo(answers);
            producer.send(request);
            Message got = Check.present(served.receive(Scope.COMES), "the request");
            TextMessage answer = answering.createTextMessage("answer to " + Scope.text(got));
            answer.setJMSCorrelationID(got.getJMSMessageID());
            anonymous.send(got.getJMSReplyTo(), answer);
            Message back = Check.present(consumer.receive(Scope.COMES), "the answer");
            Check.equal("answer to request " + i, Scope.text(back), "answer");
            Check.equal(request.getJMSMessageID(), back.getJMSCorrelationID(), "correlation id");
        }
    }
}

package ringmq.jms;

import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;

/** One queue, one session: send, receive, give back what came. */
record Loop(Session session, MessageProducer producer, MessageConsumer consumer) {
    static Loop open(Scope scope) throws Exception {
        return open(scope, "");
    }

    static Loop open(Scope scope, String parameters) throws Exception {
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        var queue = session.createQueue(scope.queue("q"));
        return new Loop(session, session.createProducer(queue), session.createConsumer(queue));
    }

    <M extends Message> M pass(Class<M> type, M message) throws Exception {
        producer.send(message);
        Message got = Check.present(consumer.receive(Scope.COMES), "the message just sent");
        Check.that(type.isInstance(got), "expected " + type.getSimpleName() + ", got " + got.getClass());
        Check.that(got != message, "the message came from the broker and is not the sent object");
        return type.cast(got);
    }
}

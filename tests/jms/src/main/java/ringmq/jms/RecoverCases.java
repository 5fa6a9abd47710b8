package ringmq.jms;

import java.util.List;
import javax.jms.IllegalStateException;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import org.apache.activemq.artemis.api.jms.ActiveMQJMSConstants;

/** recover() in every acknowledge mode: what it gives back, and what it leaves. */
final class RecoverCases {
    private RecoverCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("recover_auto", scope -> recoverConsumed(scope, Session.AUTO_ACKNOWLEDGE)),
                Case.of("recover_dups_ok", scope -> recoverConsumed(scope, Session.DUPS_OK_ACKNOWLEDGE)),
                Case.of("recover_individual", RecoverCases::recoverIndividual),
                Case.of("recover_transacted", RecoverCases::recoverTransacted),
                Case.of("recover_two_consumers", RecoverCases::recoverTwoConsumers));
    }

    private static MessageConsumer consumer(Session session, String queue) throws Exception {
        return session.createConsumer(session.createQueue(queue));
    }

    /**
     * What was received is consumed, or is before the client recovers: recover() gives nothing of it back. Here and below
     * the first message in the client's buffer may count as delivered, because the client says so with its request; such
     * counts are not looked at.
     */
    private static void recoverConsumed(Scope scope, int mode) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3", "4");
        Session session = scope.started().createSession(false, mode);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "1/1", "2/1");
        session.recover();
        Scope.expectNext(consumer, "3");
        Texts.expect(consumer, "4/1");
        Scope.expectNone(consumer, "after the last");
    }

    private static void recoverIndividual(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1", "2", "3");
        Session session = scope.started().createSession(false, ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "1/1");
        var second = Check.present(consumer.receive(Scope.COMES), "the second");
        Texts.expect(consumer, "3/1");
        second.acknowledge();
        session.recover();
        for (String text : List.of("1", "3")) {
            var message = Check.present(consumer.receive(Scope.COMES), text);
            Check.equal(text, Scope.text(message), "what was not acknowledged");
            message.acknowledge();
        }
        Scope.expectNone(consumer, "after all were acknowledged");
    }

    private static void recoverTransacted(Scope scope) throws Exception {
        String queue = scope.queue("q");
        scope.fill(queue, "1");
        Session session = scope.started().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = consumer(session, queue);
        Texts.expect(consumer, "1/1");
        Check.thrown(IllegalStateException.class, session::recover, "recover() of a transacted session");
        session.commit();
        Scope.expectNone(consumer, "after the commit");
    }

    /** A session has one state of acknowledgement over all its consumers. */
    private static void recoverTwoConsumers(Scope scope) throws Exception {
        String one = scope.queue("one");
        String two = scope.queue("two");
        scope.fill(one, "a", "b");
        scope.fill(two, "x", "y");
        Session session = scope.started().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer first = consumer(session, one);
        MessageConsumer second = consumer(session, two);
        Texts.expect(first, "a/1", "b/1");
        Texts.expect(second, "x/1");
        session.recover();
        Texts.expect(first, "a/2");
        Texts.expect(second, "x/2");
        Scope.expectNext(second, "y");
        session.recover();
        Texts.expect(first, "a/3");
        Scope.expectNext(first, "b");
        Texts.expect(second, "x/3");
        var last = Check.present(second.receive(Scope.COMES), "the last");
        Check.equal("y", Scope.text(last), "the last");
        last.acknowledge();
        session.close();
        scope.expect(one);
        scope.expect(two);
    }
}

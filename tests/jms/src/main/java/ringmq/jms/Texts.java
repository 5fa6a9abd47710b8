package ringmq.jms;

import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;

/** What a listener notes of a message: a listener may not throw, so an error becomes a text that no case expects. */
final class Texts {
    private Texts() {
    }

    static String of(Message message) {
        try {
            return Scope.text(message);
        } catch (JMSException e) {
            return e.toString();
        }
    }

    /** With the number of the delivery behind it: `text/1`. */
    static String counted(Message message) {
        try {
            String again = message.getJMSRedelivered() == message.getIntProperty("JMSXDeliveryCount") > 1 ? "" : "?";
            return Scope.text(message) + "/" + message.getIntProperty("JMSXDeliveryCount") + again;
        } catch (JMSException e) {
            return e.toString();
        }
    }

    /** The next messages must be these, each `text/count`. */
    static void expect(MessageConsumer consumer, String... expected) throws Exception {
        for (String one : expected) {
            Check.equal(one, counted(Check.present(consumer.receive(Scope.COMES), one)), "message/count");
        }
    }
}

package ringmq.jms;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.jms.JMSException;
import javax.jms.MessageFormatException;
import javax.jms.MessageNotWriteableException;
import javax.jms.ObjectMessage;
import javax.jms.Queue;
import javax.jms.Session;

/** Object messages, and the lists of classes that a careful receiver sets. */
final class ObjectCases {
    private ObjectCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("object_round_trip", ObjectCases::roundTrip),
                Case.of("object_null", ObjectCases::none),
                Case.of("object_is_copied_at_sending", ObjectCases::copied),
                Case.of("object_not_serializable", ObjectCases::notSerializable),
                Case.of("object_deny_list", ObjectCases::denied),
                Case.of("object_allow_list", ObjectCases::allowed),
                Case.of("object_graph_of_60_kib", ObjectCases::graph));
    }

    /** A class of the application. */
    private record Order(int number, String customer, List<String> lines) implements Serializable {
    }

    /** Another one, which a receiver may not want. */
    private record Strange(String text) implements Serializable {
    }

    private static void roundTrip(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Order order = new Order(7, "Grüße 漢字", List.of("one", "two"));
        ObjectMessage got = loop.pass(ObjectMessage.class, loop.session().createObjectMessage(order));
        Check.equal(order, got.getObject(), "object");
        Check.equal(order, got.getBody(Order.class), "body");
        Check.that(got.isBodyAssignableTo(Order.class), "the body is an order");
        Check.thrown(MessageFormatException.class, () -> got.getBody(String.class), "the body as a text");
        Check.thrown(MessageNotWriteableException.class, () -> got.setObject("other"), "a received object message");
    }

    private static void none(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        ObjectMessage got = loop.pass(ObjectMessage.class, loop.session().createObjectMessage());
        Check.absent(got.getObject(), "an object that was never set");
        ObjectMessage set = loop.pass(ObjectMessage.class, loop.session().createObjectMessage(null));
        Check.absent(set.getObject(), "null");
        Check.that(set.isBodyAssignableTo(Order.class), "nothing may be taken for anything");
    }

    /** What the application changes after it has set the object does not go with the message. */
    private static void copied(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        ArrayList<String> list = new ArrayList<>(List.of("before"));
        ObjectMessage message = loop.session().createObjectMessage();
        message.setObject(list);
        list.add("after");
        ObjectMessage got = loop.pass(ObjectMessage.class, message);
        Check.equal(List.of("before"), got.getObject(), "object");
        ObjectMessage next = loop.pass(ObjectMessage.class, loop.session().createObjectMessage(list));
        Check.equal(List.of("before", "after"), next.getObject(), "the changed object");
    }

    private static void notSerializable(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        ArrayList<Object> list = new ArrayList<>();
        list.add(new Object());
        Check.thrown(JMSException.class, () -> {
            loop.producer().send(loop.session().createObjectMessage(list));
        }, "an object that cannot be written");
        ObjectMessage got = loop.pass(ObjectMessage.class, loop.session().createObjectMessage("the next"));
        Check.equal("the next", got.getObject(), "nothing of it was sent");
    }

    /** Sends an order and a stranger, and gives what a receiver with `parameters` makes of them. */
    private static List<ObjectMessage> receive(Scope scope, String parameters) throws Exception {
        Session sending = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = sending.createQueue(scope.queue("q"));
        var producer = sending.createProducer(queue);
        producer.send(sending.createObjectMessage(new Order(1, "one", List.of())));
        producer.send(sending.createObjectMessage(new Strange("two")));
        Session session = scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
        var consumer = session.createConsumer(queue);
        List<ObjectMessage> messages = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            messages.add((ObjectMessage) Check.present(consumer.receive(Scope.COMES), "message " + i));
        }
        return messages;
    }

    private static void denied(Scope scope) throws Exception {
        List<ObjectMessage> messages = receive(scope, "deserializationDenyList=" + Strange.class.getCanonicalName());
        Check.equal(new Order(1, "one", List.of()), messages.get(0).getObject(), "a class that is not on the list");
        Check.thrown(JMSException.class, () -> messages.get(1).getObject(), "a class on the deny list");
    }

    private static void allowed(Scope scope) throws Exception {
        String list = Order.class.getCanonicalName() + ",java.util";
        List<ObjectMessage> messages = receive(scope, "deserializationAllowList=" + list);
        Check.equal(new Order(1, "one", List.of()), messages.get(0).getObject(), "a class on the allow list");
        Check.thrown(JMSException.class, () -> messages.get(1).getObject(), "a class that is not on the list");
    }

    private static void graph(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TreeMap<Integer, Order> orders = new TreeMap<>();
        for (int i = 0; i < 1000; i++) {
            orders.put(i, new Order(i, "customer " + i % 10, List.of("line " + i)));
        }
        ObjectMessage got = loop.pass(ObjectMessage.class, loop.session().createObjectMessage(orders));
        Map<?, ?> found = got.getBody(Map.class);
        Check.equal(orders, found, "the whole graph");
    }
}

package ringmq.jms;

import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.jms.Message;
import javax.jms.MessageFormatException;
import javax.jms.MessageNotWriteableException;
import javax.jms.TextMessage;

/** Properties: conversions, names that are no names, reading and writing, and very long ones. */
final class PropertyCases {
    private PropertyCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("property_conversions", PropertyCases::conversions),
                Case.of("property_objects", PropertyCases::objects),
                Case.of("property_illegal_names", PropertyCases::illegalNames),
                Case.of("property_names", PropertyCases::names),
                Case.of("property_absent", PropertyCases::absent),
                Case.of("property_read_only_until_cleared", PropertyCases::readOnly),
                Case.of("property_group", PropertyCases::group),
                Case.of("property_long_values", PropertyCases::longValues),
                Case.of("property_foreign_message", PropertyCases::sentOn));
    }

    /** A property is never a character and never bytes. */
    private static boolean allowed(Kind kind) {
        return kind != Kind.CHAR && kind != Kind.BYTES;
    }

    private static void write(Message message, Kind kind) throws Exception {
        String name = "p" + kind;
        switch (kind) {
            case BOOLEAN -> message.setBooleanProperty(name, (Boolean) kind.value);
            case BYTE -> message.setByteProperty(name, (Byte) kind.value);
            case SHORT -> message.setShortProperty(name, (Short) kind.value);
            case INT -> message.setIntProperty(name, (Integer) kind.value);
            case LONG -> message.setLongProperty(name, (Long) kind.value);
            case FLOAT -> message.setFloatProperty(name, (Float) kind.value);
            case DOUBLE -> message.setDoubleProperty(name, (Double) kind.value);
            default -> message.setStringProperty(name, (String) kind.value);
        }
    }

    private static Object read(Message message, String name, Kind kind) throws Exception {
        return switch (kind) {
            case BOOLEAN -> message.getBooleanProperty(name);
            case BYTE -> message.getByteProperty(name);
            case SHORT -> message.getShortProperty(name);
            case INT -> message.getIntProperty(name);
            case LONG -> message.getLongProperty(name);
            case FLOAT -> message.getFloatProperty(name);
            case DOUBLE -> message.getDoubleProperty(name);
            default -> message.getStringProperty(name);
        };
    }

    private static void conversions(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Message message = loop.session().createMessage();
        for (Kind kind : Kind.values()) {
            if (allowed(kind)) {
                write(message, kind);
            }
        }
        message.setStringProperty("word", "word");
        Message got = loop.pass(Message.class, message);
        for (Kind stored : Kind.values()) {
            for (Kind asked : Kind.values()) {
                if (allowed(stored) && allowed(asked)) {
                    stored.expect(asked, kind -> read(got, "p" + stored, kind));
                }
            }
        }
        Check.thrown(NumberFormatException.class, () -> got.getLongProperty("word"), "a word as a number");
    }

    private static void objects(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Message message = loop.session().createMessage();
        for (Kind kind : Kind.values()) {
            if (allowed(kind)) {
                message.setObjectProperty("p" + kind, kind.value);
            }
        }
        Check.thrown(MessageFormatException.class, () -> message.setObjectProperty("list", List.of()), "a list");
        Message got = loop.pass(Message.class, message);
        for (Kind kind : Kind.values()) {
            Check.equal(allowed(kind) ? kind.value : null, got.getObjectProperty("p" + kind), "object " + kind);
        }
    }

    private static void illegalNames(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("names");
        for (String name : new String[] {null, ""}) {
            Check.thrown(IllegalArgumentException.class, () -> message.setStringProperty(name, "x"), "name " + name);
        }
        Check.thrown(Exception.class, () -> message.setStringProperty("1begins_with_digit", "x"), "a digit first");
        Check.thrown(Exception.class, () -> message.setStringProperty("with space", "x"), "a space");
        message.setStringProperty("_$ok1", "legal");
        TextMessage got = loop.pass(TextMessage.class, message);
        Check.equal(Set.of("_$ok1"), own(got), "names that came through");
        Check.equal("legal", got.getStringProperty("_$ok1"), "the legal one");
    }

    /** The names of the application; the others belong to JMS and to the provider. */
    private static Set<String> own(Message message) throws Exception {
        Set<String> names = new TreeSet<>();
        for (Enumeration<?> all = message.getPropertyNames(); all.hasMoreElements();) {
            String name = (String) all.nextElement();
            if (!name.startsWith("JMS")) {
                names.add(name);
            }
        }
        return names;
    }

    private static void names(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Message message = loop.session().createMessage();
        Set<String> expected = new TreeSet<>(List.of("a", "A", "größe", "snake_case", "dollar$", "x".repeat(500)));
        for (String name : expected) {
            message.setStringProperty(name, "value of " + name);
        }
        Message got = loop.pass(Message.class, message);
        Check.equal(expected, own(got), "names");
        for (String name : expected) {
            Check.equal("value of " + name, got.getStringProperty(name), name);
        }
    }

    private static void absent(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Message got = loop.pass(Message.class, loop.session().createMessage());
        Check.equal(Set.of(), own(got), "names");
        Check.that(!got.propertyExists("never"), "no property that was never set");
        Check.absent(got.getObjectProperty("never"), "object");
        Check.absent(got.getStringProperty("never"), "text");
        Check.equal(false, got.getBooleanProperty("never"), "boolean");
        Check.thrown(NumberFormatException.class, () -> got.getByteProperty("never"), "byte");
        Check.thrown(NumberFormatException.class, () -> got.getLongProperty("never"), "long");
    }

    private static void readOnly(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("kept");
        message.setIntProperty("one", 1);
        TextMessage got = loop.pass(TextMessage.class, message);
        Check.thrown(MessageNotWriteableException.class, () -> got.setIntProperty("two", 2), "a received message");
        Check.thrown(MessageNotWriteableException.class, () -> got.setText("other"), "a received text");
        got.clearProperties();
        Check.equal(Set.of(), own(got), "cleared");
        got.setIntProperty("two", 2);
        TextMessage again = loop.pass(TextMessage.class, got);
        Check.equal("kept", again.getText(), "clearing the properties keeps the body");
        Check.equal(Set.of("two"), own(again), "names of the message sent on");
    }

    private static void group(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("grouped");
        message.setStringProperty("JMSXGroupID", "group Grüße");
        message.setIntProperty("JMSXGroupSeq", 3);
        TextMessage got = loop.pass(TextMessage.class, message);
        Check.equal("group Grüße", got.getStringProperty("JMSXGroupID"), "group");
        Check.equal(3, got.getIntProperty("JMSXGroupSeq"), "place in the group");
        Check.equal(1, got.getIntProperty("JMSXDeliveryCount"), "delivery count");
        Check.that(got.propertyExists("JMSXDeliveryCount"), "the delivery count exists");
    }

    /** Just below the 100 KiB of a message from which the client refuses properties, in one value and in many. */
    private static void longValues(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage one = loop.session().createTextMessage("one");
        one.setStringProperty("long", "ü".repeat(40_000));
        TextMessage got = loop.pass(TextMessage.class, one);
        Check.equal("ü".repeat(40_000), got.getStringProperty("long"), "one long value");
        TextMessage many = loop.session().createTextMessage("many");
        for (int i = 0; i < 2500; i++) {
            many.setStringProperty("p" + i, "value " + i);
        }
        TextMessage back = loop.pass(TextMessage.class, many);
        Check.equal(2500, own(back).size(), "how many");
        for (int i = 0; i < 2500; i++) {
            Check.equal("value " + i, back.getStringProperty("p" + i), "p" + i);
        }
    }

    /** A received message is sent on as it is: what it had it still has, and its headers are those of the new sending. */
    private static void sentOn(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("passed on");
        message.setStringProperty("kept", "yes");
        message.setJMSCorrelationID("correlation");
        TextMessage got = loop.pass(TextMessage.class, message);
        String id = got.getJMSMessageID();
        TextMessage again = loop.pass(TextMessage.class, got);
        Check.equal("passed on", again.getText(), "text");
        Check.equal("yes", again.getStringProperty("kept"), "property");
        Check.equal("correlation", again.getJMSCorrelationID(), "correlation id");
        Check.that(!id.equals(again.getJMSMessageID()), "a new sending has a new message id");
        Check.equal(1, again.getIntProperty("JMSXDeliveryCount"), "delivery count");
        Check.equal(false, again.getJMSRedelivered(), "redelivered");
    }
}

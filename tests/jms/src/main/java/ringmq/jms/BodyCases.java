package ringmq.jms;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.jms.BytesMessage;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.StreamMessage;
import javax.jms.TextMessage;

/** Message bodies and properties: what was written is what is read, to the last byte. */
final class BodyCases {
    /** Where the string encoding changes its form: 9 units and 4095 units are the first of the next one. */
    private static final int[] LENGTHS = {0, 1, 8, 9, 4094, 4095, 20_000};

    private BodyCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("text_ascii", scope -> texts(scope, "a", "Z~")),
                Case.of("text_umlauts", scope -> texts(scope, "ä", "öÜß")),
                Case.of("text_cjk", scope -> texts(scope, "漢", "字かな한")),
                Case.of("text_emoji", scope -> texts(scope, "😀", "a👍🏽b")),
                Case.of("text_null", BodyCases::nullText),
                Case.of("message_without_body", BodyCases::noBody),
                Case.of("bytes_typed", BodyCases::bytesTyped),
                Case.of("bytes_sizes", BodyCases::bytesSizes),
                Case.of("bytes_90_kib", BodyCases::bytes90),
                Case.of("map_and_stream", BodyCases::mapAndStream),
                Case.of("properties_types", BodyCases::propertyTypes),
                Case.of("properties_many", BodyCases::manyProperties));
    }

    /** Texts of `unit` cut or repeated to every interesting number of UTF-16 units, and `mixed` once. */
    private static void texts(Scope scope, String unit, String mixed) throws Exception {
        Loop loop = Loop.open(scope);
        for (int length : LENGTHS) {
            // A pair of surrogates is two units: an odd length is filled up with a letter of one unit.
            String text = unit.repeat(length / unit.length()) + "x".repeat(length % unit.length());
            Check.equal(length, text.length(), "length of the test's own text");
            TextMessage got = loop.pass(TextMessage.class, loop.session().createTextMessage(text));
            Check.equal(text, got.getText(), "text of " + length);
        }
        TextMessage got = loop.pass(TextMessage.class, loop.session().createTextMessage(mixed));
        Check.equal(mixed, got.getText(), "mixed text");
    }

    private static void nullText(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Check.absent(loop.pass(TextMessage.class, loop.session().createTextMessage()).getText(), "text never set");
        Check.absent(loop.pass(TextMessage.class, loop.session().createTextMessage(null)).getText(), "null text");
        Check.equal("", loop.pass(TextMessage.class, loop.session().createTextMessage("")).getText(), "empty text");
    }

    private static void noBody(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        Message message = loop.session().createMessage();
        message.setStringProperty("only", "a property");
        Check.equal("a property", loop.pass(Message.class, message).getStringProperty("only"), "property");
    }

    private static void bytesTyped(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        message.writeBoolean(true);
        message.writeByte((byte) -1);
        message.writeShort(Short.MIN_VALUE);
        message.writeChar('ü');
        message.writeInt(Integer.MIN_VALUE);
        message.writeLong(Long.MAX_VALUE);
        message.writeFloat(1.5f);
        message.writeDouble(-2.25);
        message.writeUTF("Grüße 漢字");
        message.writeBytes(new byte[] {1, 2, 3});
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.equal(true, got.readBoolean(), "boolean");
        Check.equal((byte) -1, got.readByte(), "byte");
        Check.equal(Short.MIN_VALUE, got.readShort(), "short");
        Check.equal('ü', got.readChar(), "char");
        Check.equal(Integer.MIN_VALUE, got.readInt(), "int");
        Check.equal(Long.MAX_VALUE, got.readLong(), "long");
        Check.equal(1.5f, got.readFloat(), "float");
        Check.equal(-2.25, got.readDouble(), "double");
        Check.equal("Grüße 漢字", got.readUTF(), "UTF");
        byte[] rest = new byte[4];
        Check.equal(3, got.readBytes(rest), "length of the rest");
        Check.equalBytes(new byte[] {1, 2, 3}, Arrays.copyOf(rest, 3), "rest");
    }

    private static void bytesSizes(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        for (int size : new int[] {0, 1, 255, 256, 1023, 1024, 4095, 4096, 4097, 16_383, 65_535, 65_536}) {
            passBytes(loop, size);
        }
    }

    /** Just below the 100 KiB from which the client cuts a message into chunks. */
    private static void bytes90(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        for (int i = 0; i < 20; i++) {
            passBytes(loop, 90 * 1024 + i);
        }
    }

    private static void passBytes(Loop loop, int size) throws Exception {
        byte[] body = new byte[size];
        new Random(size).nextBytes(body);
        BytesMessage message = loop.session().createBytesMessage();
        message.writeBytes(body);
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.equal((long) size, got.getBodyLength(), "body length");
        byte[] read = new byte[size];
        got.readBytes(read);
        Check.equalBytes(body, read, "body of " + size);
    }

    /** To a broker these are only other bytes; the type byte is what must not get lost. */
    private static void mapAndStream(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        MapMessage map = loop.session().createMapMessage();
        map.setInt("int", 7);
        map.setString("text", "Grüße");
        map.setBytes("bytes", new byte[] {9, 8});
        MapMessage gotMap = loop.pass(MapMessage.class, map);
        Check.equal(7, gotMap.getInt("int"), "int in a map");
        Check.equal("Grüße", gotMap.getString("text"), "text in a map");
        Check.equalBytes(new byte[] {9, 8}, gotMap.getBytes("bytes"), "bytes in a map");
        StreamMessage stream = loop.session().createStreamMessage();
        stream.writeLong(-5);
        stream.writeString("漢字");
        StreamMessage gotStream = loop.pass(StreamMessage.class, stream);
        Check.equal(-5L, gotStream.readLong(), "long in a stream");
        Check.equal("漢字", gotStream.readString(), "text in a stream");
    }

    private static void propertyTypes(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("properties");
        message.setBooleanProperty("yes", true);
        message.setBooleanProperty("no", false);
        message.setByteProperty("byte", Byte.MIN_VALUE);
        message.setShortProperty("short", Short.MAX_VALUE);
        message.setIntProperty("int", Integer.MIN_VALUE);
        message.setLongProperty("long", Long.MAX_VALUE);
        message.setFloatProperty("float", Float.MIN_VALUE);
        message.setDoubleProperty("double", Double.MAX_VALUE);
        message.setStringProperty("string", "Grüße 漢字 😀");
        message.setStringProperty("empty", "");
        message.setObjectProperty("null", null);
        TextMessage got = loop.pass(TextMessage.class, message);
        Check.equal("properties", got.getText(), "text");
        Check.equal(true, got.getObjectProperty("yes"), "true");
        Check.equal(false, got.getObjectProperty("no"), "false");
        Check.equal(Byte.MIN_VALUE, got.getObjectProperty("byte"), "byte");
        Check.equal(Short.MAX_VALUE, got.getObjectProperty("short"), "short");
        Check.equal(Integer.MIN_VALUE, got.getObjectProperty("int"), "int");
        Check.equal(Long.MAX_VALUE, got.getObjectProperty("long"), "long");
        Check.equal(Float.MIN_VALUE, got.getObjectProperty("float"), "float");
        Check.equal(Double.MAX_VALUE, got.getObjectProperty("double"), "double");
        Check.equal("Grüße 漢字 😀", got.getObjectProperty("string"), "string");
        Check.equal("", got.getObjectProperty("empty"), "empty string");
        Check.that(got.propertyExists("null"), "the null property exists");
        Check.absent(got.getObjectProperty("null"), "null");
        Check.that(!got.propertyExists("never set"), "no property that was never set");
    }

    private static void manyProperties(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        TextMessage message = loop.session().createTextMessage("many");
        for (int i = 0; i < 300; i++) {
            message.setStringProperty("key" + i, "ü".repeat(i));
            message.setIntProperty("number" + i, i);
        }
        TextMessage got = loop.pass(TextMessage.class, message);
        for (int i = 0; i < 300; i++) {
            Check.equal("ü".repeat(i), got.getStringProperty("key" + i), "key" + i);
            Check.equal(i, got.getIntProperty("number" + i), "number" + i);
        }
    }
}

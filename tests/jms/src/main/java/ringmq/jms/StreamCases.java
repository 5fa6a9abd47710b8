package ringmq.jms;

import java.util.Arrays;
import java.util.List;
import javax.jms.MessageEOFException;
import javax.jms.MessageFormatException;
import javax.jms.MessageNotReadableException;
import javax.jms.MessageNotWriteableException;
import javax.jms.StreamMessage;

/** Stream messages: typed values in their order, conversions, the end, and going back to the beginning. */
final class StreamCases {
    private StreamCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("stream_values", StreamCases::values),
                Case.of("stream_conversions", StreamCases::conversions),
                Case.of("stream_objects", StreamCases::objects),
                Case.of("stream_end", StreamCases::end),
                Case.of("stream_reset", StreamCases::reset),
                Case.of("stream_bytes_in_parts", StreamCases::parts),
                Case.of("stream_modes", StreamCases::modes));
    }

    private static void write(StreamMessage stream, Kind kind) throws Exception {
        switch (kind) {
            case BOOLEAN -> stream.writeBoolean((Boolean) kind.value);
            case BYTE -> stream.writeByte((Byte) kind.value);
            case SHORT -> stream.writeShort((Short) kind.value);
            case INT -> stream.writeInt((Integer) kind.value);
            case LONG -> stream.writeLong((Long) kind.value);
            case FLOAT -> stream.writeFloat((Float) kind.value);
            case DOUBLE -> stream.writeDouble((Double) kind.value);
            case CHAR -> stream.writeChar((Character) kind.value);
            case STRING -> stream.writeString((String) kind.value);
            case BYTES -> stream.writeBytes((byte[]) kind.value);
        }
    }

    private static Object read(StreamMessage stream, Kind kind) throws Exception {
        return switch (kind) {
            case BOOLEAN -> stream.readBoolean();
            case BYTE -> stream.readByte();
            case SHORT -> stream.readShort();
            case INT -> stream.readInt();
            case LONG -> stream.readLong();
            case FLOAT -> stream.readFloat();
            case DOUBLE -> stream.readDouble();
            case CHAR -> stream.readChar();
            case STRING -> stream.readString();
            case BYTES -> bytes(stream);
        };
    }

    private static byte[] bytes(StreamMessage stream) throws Exception {
        byte[] space = new byte[16];
        return Arrays.copyOf(space, stream.readBytes(space));
    }

    private static void values(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        stream.writeByte(Byte.MIN_VALUE);
        stream.writeShort(Short.MIN_VALUE);
        stream.writeInt(Integer.MIN_VALUE);
        stream.writeLong(Long.MIN_VALUE);
        stream.writeFloat(Float.MIN_VALUE);
        stream.writeDouble(-Double.MAX_VALUE);
        stream.writeChar('漢');
        stream.writeString("Grüße 😀");
        stream.writeString(null);
        stream.writeString("");
        stream.writeBytes(new byte[] {0, 1, 2, 3}, 1, 2);
        stream.writeBoolean(false);
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        Check.equal(Byte.MIN_VALUE, got.readByte(), "byte");
        Check.equal(Short.MIN_VALUE, got.readShort(), "short");
        Check.equal(Integer.MIN_VALUE, got.readInt(), "int");
        Check.equal(Long.MIN_VALUE, got.readLong(), "long");
        Check.equal(Float.MIN_VALUE, got.readFloat(), "float");
        Check.equal(-Double.MAX_VALUE, got.readDouble(), "double");
        Check.equal('漢', got.readChar(), "char");
        Check.equal("Grüße 😀", got.readString(), "text");
        Check.absent(got.readString(), "null text");
        Check.equal("", got.readString(), "empty text");
        byte[] space = new byte[3];
        Check.equal(2, got.readBytes(space), "length of the bytes");
        Check.equalBytes(new byte[] {1, 2, 0}, space, "bytes");
        Check.equal(-1, got.readBytes(space), "the end of the bytes");
        Check.equal(false, got.readBoolean(), "boolean");
    }

    /** A wrong type is refused, and the value can still be read as what it is. */
    private static void conversions(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        for (Kind stored : Kind.values()) {
            for (Kind asked : Kind.values()) {
                StreamMessage stream = loop.session().createStreamMessage();
                write(stream, stored);
                StreamMessage got = loop.pass(StreamMessage.class, stream);
                stored.expect(asked, kind -> read(got, kind));
                if (stored.as(asked) == null) {
                    got.reset();
                    Kind.same(stored.value, got.readObject(), stored + " after it was refused as " + asked);
                }
            }
        }
    }

    private static void objects(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        for (Kind kind : Kind.values()) {
            stream.writeObject(kind.value);
            stream.writeObject(null);
        }
        Check.thrown(MessageFormatException.class, () -> stream.writeObject(List.of()), "a type that JMS has not");
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        for (Kind kind : Kind.values()) {
            Kind.same(kind.value, got.readObject(), "object " + kind);
            Check.absent(got.readObject(), "null behind " + kind);
        }
        Check.thrown(MessageEOFException.class, got::readObject, "behind the last");
    }

    private static void end(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        stream.writeInt(1);
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        Check.equal(1, got.readInt(), "the only value");
        for (Kind kind : Kind.values()) {
            Check.thrown(MessageEOFException.class, () -> read(got, kind), "end of the stream, read as " + kind);
        }
        StreamMessage empty = loop.pass(StreamMessage.class, loop.session().createStreamMessage());
        Check.thrown(MessageEOFException.class, empty::readObject, "an empty stream");
    }

    private static void reset(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        stream.writeInt(1);
        stream.writeString("two");
        stream.reset();
        Check.equal(1, stream.readInt(), "the sender reads what it wrote");
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        for (int round = 0; round < 3; round++) {
            Check.equal(1, got.readInt(), "first in round " + round);
            Check.equal("two", got.readString(), "second in round " + round);
            got.reset();
        }
    }

    private static void parts(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        byte[] sent = new byte[1000];
        Arrays.setAll(new Integer[sent.length], i -> (int) (sent[i] = (byte) i));
        stream.writeBytes(sent);
        stream.writeString("behind");
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        byte[] found = new byte[0];
        byte[] space = new byte[300];
        for (int count = got.readBytes(space); count > 0; count = got.readBytes(space)) {
            int before = found.length;
            found = Arrays.copyOf(found, before + count);
            System.arraycopy(space, 0, found, before, count);
        }
        Check.equalBytes(sent, found, "bytes in parts");
        Check.equal("behind", got.readString(), "the value behind them");
    }

    private static void modes(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        StreamMessage stream = loop.session().createStreamMessage();
        stream.writeInt(1);
        Check.thrown(MessageNotReadableException.class, stream::readInt, "a stream that is being written");
        StreamMessage got = loop.pass(StreamMessage.class, stream);
        Check.thrown(MessageNotWriteableException.class, () -> got.writeInt(2), "a received stream");
        got.clearBody();
        got.writeLong(3);
        StreamMessage again = loop.pass(StreamMessage.class, got);
        Check.equal(3L, again.readLong(), "the stream sent on");
        Check.thrown(MessageEOFException.class, again::readInt, "nothing of the first body");
    }
}

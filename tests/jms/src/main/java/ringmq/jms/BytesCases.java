package ringmq.jms;

import java.util.Arrays;
import java.util.List;
import javax.jms.BytesMessage;
import javax.jms.MessageEOFException;
import javax.jms.MessageFormatException;
import javax.jms.MessageNotReadableException;
import javax.jms.MessageNotWriteableException;

/** Bytes messages beyond their plain content: unsigned reads, parts, the end, reading and writing in turn. */
final class BytesCases {
    private BytesCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("bytes_unsigned", BytesCases::unsigned),
                Case.of("bytes_objects", BytesCases::objects),
                Case.of("bytes_end", BytesCases::end),
                Case.of("bytes_in_parts", BytesCases::parts),
                Case.of("bytes_modes", BytesCases::modes),
                Case.of("bytes_sent_again", BytesCases::sentAgain));
    }

    private static void unsigned(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        message.writeByte((byte) 200);
        message.writeShort((short) 60_000);
        message.writeByte((byte) 200);
        message.writeShort((short) 60_000);
        message.writeBytes(new byte[] {9, 8, 7, 6}, 1, 2);
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.equal(8L, got.getBodyLength(), "body length");
        Check.equal(200, got.readUnsignedByte(), "unsigned byte");
        Check.equal(60_000, got.readUnsignedShort(), "unsigned short");
        Check.equal((byte) -56, got.readByte(), "signed byte");
        Check.equal((short) -5536, got.readShort(), "signed short");
        // What is left may be read as any type: bytes have none of their own.
        Check.equal((short) 0x0807, got.readShort(), "two bytes as a short");
    }

    private static void objects(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        for (Kind kind : Kind.values()) {
            message.writeObject(kind.value);
        }
        Check.thrown(MessageFormatException.class, () -> message.writeObject(List.of()), "a type that JMS has not");
        Check.thrown(NullPointerException.class, () -> message.writeObject(null), "null");
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.equal(true, got.readBoolean(), "boolean");
        Check.equal((byte) 7, got.readByte(), "byte");
        Check.equal((short) 7, got.readShort(), "short");
        Check.equal(7, got.readInt(), "int");
        Check.equal(7L, got.readLong(), "long");
        Check.equal(1.5f, got.readFloat(), "float");
        Check.equal(2.5, got.readDouble(), "double");
        Check.equal('7', got.readChar(), "char");
        Check.equal("7", got.readUTF(), "text");
        byte[] rest = new byte[3];
        Check.equal(2, got.readBytes(rest), "length of the rest");
        Check.equalBytes(new byte[] {1, 2, 0}, rest, "rest");
    }

    private static void end(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        message.writeByte((byte) 1);
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.thrown(MessageEOFException.class, got::readInt, "an int of one byte");
        got.reset();
        Check.equal((byte) 1, got.readByte(), "the byte");
        Check.thrown(MessageEOFException.class, got::readByte, "byte at the end");
        Check.thrown(MessageEOFException.class, got::readBoolean, "boolean at the end");
        Check.thrown(MessageEOFException.class, got::readUnsignedByte, "unsigned byte at the end");
        Check.thrown(MessageEOFException.class, got::readShort, "short at the end");
        Check.thrown(MessageEOFException.class, got::readChar, "char at the end");
        Check.thrown(MessageEOFException.class, got::readLong, "long at the end");
        Check.thrown(MessageEOFException.class, got::readDouble, "double at the end");
        Check.thrown(MessageEOFException.class, got::readUTF, "text at the end");
        Check.equal(-1, got.readBytes(new byte[4]), "bytes at the end");
    }

    private static void parts(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        byte[] sent = new byte[1000];
        for (int i = 0; i < sent.length; i++) {
            sent[i] = (byte) (i * 31);
        }
        BytesMessage message = loop.session().createBytesMessage();
        message.writeBytes(sent);
        BytesMessage got = loop.pass(BytesMessage.class, message);
        byte[] space = new byte[300];
        for (int from = 0; from < sent.length; from += space.length) {
            int count = Math.min(space.length, sent.length - from);
            Check.equal(count, got.readBytes(space), "length of the part at " + from);
            Check.equalBytes(Arrays.copyOfRange(sent, from, from + count), Arrays.copyOf(space, count), "part at " + from);
        }
        Check.equal(-1, got.readBytes(space), "the end");
        got.reset();
        Check.equal(5, got.readBytes(space, 5), "a part that is asked for");
        Check.equalBytes(Arrays.copyOf(sent, 5), Arrays.copyOf(space, 5), "the first five");
    }

    private static void modes(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        message.writeInt(1);
        Check.thrown(MessageNotReadableException.class, message::readInt, "bytes that are being written");
        Check.thrown(MessageNotReadableException.class, message::getBodyLength, "length while writing");
        BytesMessage got = loop.pass(BytesMessage.class, message);
        Check.thrown(MessageNotWriteableException.class, () -> got.writeInt(2), "received bytes");
        Check.equal(1, got.readInt(), "the value");
    }

    /** The same object may be sent again, changed or not; what was sent before stays what it was. */
    private static void sentAgain(Scope scope) throws Exception {
        Loop loop = Loop.open(scope);
        BytesMessage message = loop.session().createBytesMessage();
        for (int i = 1; i <= 5; i++) {
            message.clearBody();
            message.writeInt(i);
            message.setIntProperty("round", i);
            loop.producer().send(message);
        }
        loop.producer().send(message);
        for (int i : new int[] {1, 2, 3, 4, 5, 5}) {
            BytesMessage got = (BytesMessage) Check.present(loop.consumer().receive(Scope.COMES), "number " + i);
            Check.equal(4L, got.getBodyLength(), "body length");
            Check.equal(i, got.readInt(), "body");
            Check.equal(i, got.getIntProperty("round"), "property");
        }
    }
}

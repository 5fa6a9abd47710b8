package ringmq.jms;

import java.util.Arrays;
import javax.jms.MessageFormatException;

/** The value types of JMS with one value of each, and the table of what may be read as what. */
enum Kind {
    BOOLEAN(true),
    BYTE((byte) 7),
    SHORT((short) 7),
    INT(7),
    LONG(7L),
    FLOAT(1.5f),
    DOUBLE(2.5),
    CHAR('7'),
    STRING("7"),
    BYTES(new byte[] {1, 2});

    /** The value that a test writes. */
    final Object value;

    Kind(Object value) {
        this.value = value;
    }

    /** Gives a stored value as one type. */
    interface Reader {
        Object read(Kind kind) throws Exception;
    }

    /** What reading this one's value as `read` must give; null: it must be refused. */
    Object as(Kind read) {
        if (this == read) {
            return value;
        }
        if (this == BYTES || read == BYTES || read == CHAR) {
            return null;
        }
        if (read == STRING) {
            return value.toString();
        }
        if (this == STRING) {
            return switch (read) {
                case BOOLEAN -> false;
                case FLOAT -> 7f;
                case DOUBLE -> 7.0;
                default -> read.value;
            };
        }
        if (this == FLOAT && read == DOUBLE) {
            return 1.5;
        }
        boolean widened = integer() && read.integer() && ordinal() < read.ordinal();
        return widened ? read.value : null;
    }

    private boolean integer() {
        return ordinal() >= BYTE.ordinal() && ordinal() <= LONG.ordinal();
    }

    /** Reads the value of this one as `read`, which must give what the table says or be refused. */
    void expect(Kind read, Reader reader) throws Exception {
        String what = this + " read as " + read;
        Object expected = as(read);
        if (expected == null) {
            Check.thrown(MessageFormatException.class, () -> reader.read(read), what);
        } else {
            same(expected, reader.read(read), what);
        }
    }

    /** Equal, also where both are bytes. */
    static void same(Object expected, Object actual, String what) {
        if (expected instanceof byte[] one && actual instanceof byte[] other) {
            Check.equal(Arrays.toString(one), Arrays.toString(other), what);
        } else {
            Check.equal(expected, actual, what);
        }
    }
}

package ringmq.jms;

import java.util.Arrays;
import java.util.Objects;

/** Assertions whose message says what was expected and what came. */
final class Check {
    private Check() {
    }

    /** A case found something that must not be. */
    static final class Failed extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Failed(String message) {
            super(message);
        }

        Failed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Code that is expected to throw. */
    interface Throwing {
        void run() throws Exception;
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new Failed(what);
        }
    }

    static void equal(Object expected, Object actual, String what) {
        if (!Objects.equals(expected, actual)) {
            throw new Failed(what + ": expected " + brief(expected) + ", got " + brief(actual));
        }
    }

    static void equalBytes(byte[] expected, byte[] actual, String what) {
        int at = Arrays.mismatch(expected, actual);
        if (at >= 0) {
            throw new Failed(what + ": " + expected.length + " bytes expected, " + actual.length
                    + " came, first difference at " + at);
        }
    }

    static <T> T present(T value, String what) {
        if (value == null) {
            throw new Failed(what + ": nothing came");
        }
        return value;
    }

    static void absent(Object value, String what) {
        if (value != null) {
            throw new Failed(what + ": nothing expected, got " + brief(value));
        }
    }

    /** Runs `code` and gives back the exception of class `type` that it must throw. */
    static <E extends Exception> E thrown(Class<E> type, Throwing code, String what) {
        try {
            code.run();
        } catch (Exception e) {
            if (type.isInstance(e)) {
                return type.cast(e);
            }
            throw new Failed(what + ": expected " + type.getSimpleName() + ", got " + e, e);
        }
        throw new Failed(what + ": expected " + type.getSimpleName() + ", nothing was thrown");
    }

    /** Long texts would bury the point of a failure line. */
    private static String brief(Object value) {
        String text = String.valueOf(value);
        return text.length() <= 300 ? text : text.substring(0, 300) + "… (" + text.length() + " characters)";
    }
}

package ringmq.jms;

import java.util.Arrays;
import java.util.Objects;

/** Assertions whose message says what was expected and what came. */
final class Check {
    private static final int BRIEF = 200;

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
            throw new Failed(what + ": expected " + brief(expected) + ", got " + brief(actual) + firstDifference(
                    String.valueOf(expected), String.valueOf(actual)));
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

    /** Where two long texts part; of short ones the reader sees it. */
    private static String firstDifference(String expected, String actual) {
        if (expected.length() <= BRIEF && actual.length() <= BRIEF) {
            return "";
        }
        int at = 0;
        while (at < Math.min(expected.length(), actual.length()) && expected.charAt(at) == actual.charAt(at)) {
            at++;
        }
        return ", first difference at " + at + ": …" + brief(expected.substring(Math.max(0, at - 20)))
                + " against …" + brief(actual.substring(Math.max(0, Math.min(at, actual.length()) - 20)));
    }

    /** Long texts would bury the point of a failure line. */
    private static String brief(Object value) {
        String text = String.valueOf(value);
        return text.length() <= BRIEF ? text : text.substring(0, BRIEF) + "… (" + text.length() + " characters)";
    }
}

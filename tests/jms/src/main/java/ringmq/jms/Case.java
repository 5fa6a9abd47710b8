package ringmq.jms;

/**
 * One named case: what to do, and how long it may take before it counts as hanging.
 *
 * @param name     what `--case` takes and the result line shows
 * @param seconds  bound of the case; a client that gets no answer waits 30 s by itself, so most cases stay below that
 * @param restarts whether the case stops and starts the broker, and so needs a runner that answers
 * @param secured  whether the broker must know users ({@link SecurityCases}), which needs such a runner as well
 * @param body     the case; it fails by throwing
 */
record Case(String name, int seconds, boolean restarts, boolean secured, Body body) {

    /** What a case does. */
    interface Body {
        void run(Scope scope) throws Exception;
    }

    static Case of(String name, Body body) {
        return new Case(name, 20, false, false, body);
    }

    /** The case that a program begins with: it loads the client's classes while others may be starting too. */
    static Case first(String name, Body body) {
        return new Case(name, 90, false, false, body);
    }

    static Case restarting(String name, Body body) {
        return new Case(name, 90, true, false, body);
    }

    static Case secured(String name, Body body) {
        return new Case(name, 20, false, true, body);
    }
}

package ringmq.jms;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * The broker's life, which is the runner's business: the program asks on standard output (`@kill`, `@stop`, `@start`,
 * `@users`, `@nobody`) and waits for the line `ok` on standard input. `@start` is answered when the broker is ready again
 * on the same port, `@kill` and `@stop` when its process is gone. `@users` makes it start with the users of
 * {@link SecurityCases} from then on, `@nobody` without; it must be down. Anything else than `ok` is the reason why it
 * could not be done.
 */
final class Broker {
    private final boolean answered;
    private final PrintStream out;
    private final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    private boolean up = true;
    private boolean secured;

    Broker(boolean answered, PrintStream out) {
        this.answered = answered;
        this.out = out;
    }

    /** Whether somebody is there who does what is asked. */
    boolean isControlled() {
        return answered;
    }

    /** SIGKILL: nothing that was not on disk survives. */
    void kill() throws IOException {
        up = false;
        ask("@kill");
    }

    /** SIGTERM: the broker says goodbye to its clients. */
    void stop() throws IOException {
        up = false;
        ask("@stop");
    }

    void start() throws IOException {
        ask("@start");
        up = true;
    }

    /** Its clients have to log in, or nobody has to; it is restarted if that is new. */
    void secure(boolean wanted) throws IOException {
        if (wanted == secured) {
            return;
        }
        stop();
        ask(wanted ? "@users" : "@nobody");
        secured = wanted;
        start();
    }

    /** After a case that failed half way the next one still needs a broker. */
    void ensureUp() throws IOException {
        if (!up) {
            start();
        }
    }

    private void ask(String request) throws IOException {
        Check.that(answered, request + " needs a runner that answers (--control)");
        synchronized (out) {
            out.println(request);
            out.flush();
        }
        String answer = in.readLine();
        if (!"ok".equals(answer)) {
            throw new IOException(request + " was answered with: " + answer);
        }
    }
}

package ringmq.jms;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The command line: which broker, which cases, or the load or the drain of a kill loop. */
public final class Main {
    private static final String USAGE = """
            --url tcp://HOST:PORT    the broker
            --case NAME|all          which case (may be repeated; `all` is the default)
            --control                a runner answers `@kill`, `@stop`, `@start` …; without it cases that restart are skipped
            --list                   only the names of the cases
            --load KEY=VALUE,…       no cases but load: queue, producers, consumers, seconds, batch, size, prefix
            --drain QUEUE            takes everything out of a queue and prints it as a consumer of the load would
            --verbose                warnings of the client and stack traces on standard error""";

    /** Held here, because a logger that nobody holds forgets its level. */
    private static final Logger LOG = Logger.getLogger("");

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        String url = "tcp://127.0.0.1:61616";
        List<String> names = new ArrayList<>();
        boolean control = false;
        boolean verbose = false;
        String load = null;
        String drain = null;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--url" -> url = value(args, ++i);
                case "--case" -> names.add(value(args, ++i));
                case "--load" -> load = value(args, ++i);
                case "--drain" -> drain = value(args, ++i);
                case "--control" -> control = true;
                case "--verbose" -> verbose = true;
                case "--list" -> {
                    Runner.all().forEach(c -> out.println(c.name()));
                    return;
                }
                default -> usage("unknown argument " + args[i]);
            }
        }
        // The client warns about every connection that a case breaks on purpose.
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", verbose ? "warn" : "off");
        // Older clients write their log with the one of the JDK.
        LOG.setLevel(verbose ? Level.WARNING : Level.OFF);
        boolean good;
        if (load != null) {
            good = new Load(url, LoadPlan.parse(load), out).run();
        } else if (drain != null) {
            good = Load.drain(url, drain, out);
        } else {
            good = new Runner(url, new Broker(control, out), out, verbose).run(names);
        }
        // Threads of a client that hangs must not keep the program alive.
        System.exit(good ? 0 : 1);
    }

    private static String value(String[] args, int at) {
        if (at >= args.length) {
            usage(args[at - 1] + " needs a value");
        }
        return args[at];
    }

    private static void usage(String what) {
        System.err.println(what + "\n" + USAGE);
        System.exit(2);
    }
}

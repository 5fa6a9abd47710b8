package ringmq.jms;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Runs cases one after the other and prints one line for each: `ok NAME ms`, `FAILED NAME why`, `skipped NAME why`.
 * Against a broker that does not answer at all every case would use up its time, so after a few the rest is not run.
 */
final class Runner {
    private static final int HANGING_MAX = 5;

    private final String url;
    private final Broker broker;
    private final PrintStream out;
    private final boolean verbose;
    private int hanging;
    /** Tells the queues of this run from those of an earlier one that died in the middle. */
    private final String run = Long.toString(System.currentTimeMillis(), 36);

    Runner(String url, Broker broker, PrintStream out, boolean verbose) {
        this.url = url;
        this.broker = broker;
        this.out = out;
        this.verbose = verbose;
    }

    /** Cases that restart the broker stand at the end, so that a broker that cannot has been judged on the rest. */
    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        cases.addAll(ConnectionCases.all());
        cases.addAll(ClientCases.all());
        cases.addAll(BodyCases.all());
        cases.addAll(MapCases.all());
        cases.addAll(StreamCases.all());
        cases.addAll(BytesCases.all());
        cases.addAll(ObjectCases.all());
        cases.addAll(PropertyCases.all());
        cases.addAll(HeaderCases.all());
        cases.addAll(AckCases.all());
        cases.addAll(RecoverCases.all());
        cases.addAll(RedeliveryCases.all());
        cases.addAll(TransactionCases.all());
        cases.addAll(ReceiveCases.all());
        cases.addAll(ManyCases.all());
        cases.addAll(ListenerCases.all());
        cases.addAll(TemporaryCases.all());
        cases.addAll(BrowserCases.all());
        cases.addAll(SelectorCases.all());
        cases.addAll(ProducerCases.all());
        cases.addAll(BlockingCases.all());
        cases.addAll(ContextCases.all());
        cases.addAll(CompletionCases.all());
        cases.addAll(CloseCases.all());
        cases.addAll(CutCases.all());
        cases.addAll(ReattachCases.all());
        cases.addAll(RestartCases.all());
        cases.addAll(SecurityCases.all());
        return cases;
    }

    boolean run(List<String> names) throws IOException {
        List<Case> chosen = new ArrayList<>();
        for (String name : names.isEmpty() ? List.of("all") : names) {
            List<Case> found = all().stream().filter(c -> name.equals("all") || name.equals(c.name())).toList();
            Check.that(!found.isEmpty(), "no case has the name " + name);
            chosen.addAll(found);
        }
        int passed = 0;
        int failed = 0;
        for (Case one : chosen) {
            if ((one.restarts() || one.secured()) && !broker.isControlled()) {
                out.println("skipped " + one.name() + " nobody restarts the broker (--control)");
                continue;
            }
            broker.secure(one.secured());
            long began = System.nanoTime();
            String why = hanging < HANGING_MAX ? judge(one) : "not run, too many cases before it had no end";
            long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
            out.println(why == null ? "ok " + one.name() + " " + millis : "FAILED " + one.name() + " " + why);
            passed += why == null ? 1 : 0;
            failed += why == null ? 0 : 1;
            broker.ensureUp();
        }
        // Another client's run may follow on the same broker.
        broker.secure(false);
        out.println(passed + " passed, " + failed + " failed");
        return failed == 0;
    }

    /** Null, or why the case failed. */
    private String judge(Case one) {
        Scope scope = new Scope(url, one.secured(), "t." + run + "." + one.name(), broker);
        FutureTask<Void> task = new FutureTask<>(() -> {
            one.body().run(scope);
            scope.expectEmpty();
            return null;
        });
        Thread thread = daemon(task, one.name());
        String why = null;
        try {
            task.get(one.seconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            hanging++;
            why = "no end after " + one.seconds() + " s, at " + where(thread);
            thread.interrupt();
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            why = oneLine(cause instanceof Check.Failed ? cause.getMessage() : cause + " at " + place(cause));
            if (verbose) {
                cause.printStackTrace();
            }
        } catch (InterruptedException e) {
            why = "interrupted";
        }
        end(scope);
        return why;
    }

    /** Closing may hang as well when the broker does not answer; the next case does not wait for that. */
    private static void end(Scope scope) {
        FutureTask<Void> closing = new FutureTask<>(scope::close, null);
        daemon(closing, "closing");
        try {
            closing.get(15, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException | InterruptedException e) {
            closing.cancel(true);
        }
    }

    private static Thread daemon(Runnable work, String name) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static String where(Thread thread) {
        return frames(thread.getStackTrace());
    }

    private static String place(Throwable cause) {
        return frames(cause.getStackTrace());
    }

    /** The line of the case is what a reader wants to know; the client's own frames above it tell in which call. */
    private static String frames(StackTraceElement[] stack) {
        String call = "";
        for (StackTraceElement frame : stack) {
            if (frame.getClassName().startsWith("ringmq.") && frame.getFileName() != null) {
                return frame.getFileName() + ":" + frame.getLineNumber() + (call.isEmpty() ? "" : " in " + call);
            }
            if (frame.getClassName().startsWith("org.apache.activemq.artemis.jms")) {
                call = frame.getMethodName();
            }
        }
        return "an unknown place";
    }

    private static String oneLine(String text) {
        return String.valueOf(text).replace('\n', ' ').replace('\r', ' ');
    }
}

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.FutureTask;
import org.apache.activemq.artemis.cli.Artemis;

/**
 * The command line of Artemis, many times in one Java machine: a command takes a tenth of a second instead of two.
 *
 * <p>Takes one command a line on standard input, its words separated by tabs. Gives what it said on both of its streams, each
 * line behind {@code "| "}, and then {@code exit N}, where N is what the script's process would have ended with. Calls what the
 * script's own main calls. Must stay true: a command finds nothing that an earlier one left behind in this machine, so each
 * has a thread of its own (the command line remembers its connection for each thread) and nothing to read.
 */
final class CommandLine {
    private static final ByteArrayOutputStream SAID = new ByteArrayOutputStream();

    private CommandLine() {
    }

    public static void main(String[] args) throws Exception {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Once and for all: a logger keeps the stream that it found at first.
        PrintStream captured = new PrintStream(SAID, true, StandardCharsets.UTF_8);
        System.setIn(InputStream.nullInputStream());
        System.setOut(captured);
        System.setErr(captured);
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            int code = run(line.split("\t"));
            captured.flush();
            SAID.toString(StandardCharsets.UTF_8).lines().forEach(said -> answers.print("| " + said + "\n"));
            SAID.reset();
            answers.print("exit " + code + "\n");
            answers.flush();
        }
        // Threads of a client that was not closed must not keep the program alive.
        System.exit(0);
    }

    /** What the script's main does with the result of this call: an exception that comes back or out of it is a failure. */
    private static int run(String[] words) throws Exception {
        File home = new File(System.getProperty("artemis.home"));
        FutureTask<Object> command = new FutureTask<>(() -> {
            try {
                return Artemis.execute(true, true, true, home, null, null, words);
            } catch (Throwable thrown) {
                thrown.printStackTrace();
                return new Exception(thrown);
            }
        });
        new Thread(command, "main").start();
        return command.get() instanceof Exception ? 1 : 0;
    }
}

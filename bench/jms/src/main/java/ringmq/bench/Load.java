package ringmq.bench;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.jms.BytesMessage;
import javax.jms.CompletionListener;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageProducer;
import javax.jms.Session;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * A closed loop of durable messages, again and again in one machine, so that the client is compiled once for all brokers.
 *
 * <p>Reads lines `URL QUEUE CONNECTIONS WINDOW SIZE WARM_MS MEASURE_MS FILE` on standard input. Answers `begin` when the measured
 * time begins and `end` when it is over; then writes the latencies of all messages acked within it to FILE, as big-endian nanoseconds of eight bytes,
 * and says `done`. What fails is a line `failed REASON`. A window of one is a blocking send; a larger one sends with a completion listener.
 */
public final class Load {
    private static final int WARMING = 0;
    private static final int MEASURING = 1;
    private static final int OVER = 2;
    /** A message that is not acked within this has no answer. */
    private static final long ANSWER_SECONDS_MAX = 30;

    private final String[] plan;
    private volatile int phase = WARMING;
    private volatile Exception failed;

    private Load(String[] plan) {
        this.plan = plan;
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                new Load(line.split(" ")).run();
                say("done");
            } catch (Exception e) {
                say("failed " + String.valueOf(e).replace('\n', ' '));
            }
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private void run() throws Exception {
        int connections = Integer.parseInt(plan[2]);
        List<Sender> senders = new ArrayList<>();
        try (ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(plan[0])) {
            for (int i = 0; i < connections; i++) {
                senders.add(new Sender(factory));
            }
            senders.forEach(Thread::start);
            Thread.sleep(Long.parseLong(plan[5]));
            say("begin");
            phase = MEASURING;
            Thread.sleep(Long.parseLong(plan[6]));
            phase = OVER;
            say("end");
            for (Sender sender : senders) {
                sender.join(TimeUnit.SECONDS.toMillis(2 * ANSWER_SECONDS_MAX));
                sender.connection.close();
            }
        }
        if (failed != null) {
            throw failed;
        }
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(Path.of(plan[7]))))) {
            for (Sender sender : senders) {
                for (int i = 0; i < sender.count; i++) {
                    out.writeLong(sender.nanos[i]);
                }
            }
        }
    }

    /** One connection that sends. */
    private final class Sender extends Thread {
        private static final int LATENCIES_MAX = 1 << 21;

        private final Connection connection;
        private final Session session;
        private final MessageProducer producer;
        private final int window = Integer.parseInt(plan[3]);
        private final byte[] body = new byte[Integer.parseInt(plan[4])];
        // Grows while it is warm: nobody knows the rate before.
        private long[] nanos = new long[1 << 12];
        private int count;

        Sender(ActiveMQConnectionFactory factory) throws JMSException {
            connection = factory.createConnection();
            session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            producer = session.createProducer(session.createQueue(plan[1]));
            producer.setDeliveryMode(DeliveryMode.PERSISTENT);
            producer.setDisableMessageID(true);
        }

        @Override
        public void run() {
            try {
                if (window == 1) {
                    blocking();
                } else {
                    pipelined();
                }
            } catch (JMSException | InterruptedException e) {
                failed = e;
            }
        }

        private BytesMessage message() throws JMSException {
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(body);
            return message;
        }

        private void blocking() throws JMSException {
            while (phase != OVER) {
                BytesMessage message = message();
                long began = System.nanoTime();
                producer.send(message);
                acked(System.nanoTime() - began);
            }
        }

        private void pipelined() throws JMSException, InterruptedException {
            Semaphore free = new Semaphore(window);
            while (phase != OVER && failed == null) {
                if (!free.tryAcquire(ANSWER_SECONDS_MAX, TimeUnit.SECONDS)) {
                    throw new JMSException("no answer within " + ANSWER_SECONDS_MAX + " s");
                }
                long began = System.nanoTime();
                producer.send(message(), new CompletionListener() {
                    @Override
                    public void onCompletion(Message message) {
                        acked(System.nanoTime() - began);
                        free.release();
                    }

                    @Override
                    public void onException(Message message, Exception exception) {
                        failed = exception;
                        free.release();
                    }
                });
            }
            free.tryAcquire(window, ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
        }

        /** A session's answers come one after the other, so nobody else is here. */
        private void acked(long took) {
            if (phase != MEASURING || count == LATENCIES_MAX) {
                return;
            }
            if (count == nanos.length) {
                nanos = java.util.Arrays.copyOf(nanos, 2 * nanos.length);
            }
            nanos[count++] = took;
        }
    }
}

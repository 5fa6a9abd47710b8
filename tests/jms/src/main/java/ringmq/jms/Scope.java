package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * What one case has: its own queue names, its connections (closed for it at the end, whatever happened), and the
 * broker. Cases are strangers to each other even in a broker that is used for many runs, because queue names carry
 * the run.
 */
final class Scope {
    /** How long a message that must be there may take. */
    static final long COMES = 10_000;
    /** How long nothing must come before a queue counts as empty; a forced delivery makes the answer definite. */
    static final long EMPTY = 50;

    private final String url;
    private final boolean secured;
    private final String prefix;
    private final Broker broker;
    private final List<ActiveMQConnectionFactory> factories = new ArrayList<>();
    private final List<Connection> connections = new ArrayList<>();
    private final Set<String> queues = new TreeSet<>();

    /** With a `secured` broker a connection that names nobody is that of a user who may do everything. */
    Scope(String url, boolean secured, String prefix, Broker broker) {
        this.url = url;
        this.secured = secured;
        this.prefix = prefix;
        this.broker = broker;
    }

    Broker broker() {
        return broker;
    }

    /** A queue name that only this case of this run has. The case's queues must be empty at its end. */
    synchronized String queue(String suffix) {
        String name = prefix + "." + suffix;
        queues.add(name);
        return name;
    }

    /** A client id or other name of this case that is not a queue. */
    String name(String suffix) {
        return prefix + "-" + suffix;
    }

    Connection connect() throws JMSException {
        return connect("");
    }

    /** A connection that is not started; `parameters` as in a URL, without the question mark. */
    synchronized Connection connect(String parameters) throws JMSException {
        Connection connection = factory(parameters).createConnection();
        connections.add(connection);
        return connection;
    }

    Connection started(String parameters) throws JMSException {
        Connection connection = connect(parameters);
        connection.start();
        return connection;
    }

    Connection started() throws JMSException {
        return started("");
    }

    /** The test's answers must come soon or not at all: a call that hangs is a failure after 10 s, not after 30 s. */
    synchronized ActiveMQConnectionFactory factory(String parameters) {
        String bound = parameters.contains("callTimeout=") ? "" : "&callTimeout=10000";
        String user = secured && !parameters.contains("user=") ? "&user=all&password=all" : "";
        return made(with(parameters + user + bound));
    }

    /** One whose connections name nobody. */
    ActiveMQConnectionFactory anonymous() {
        return made(with("callTimeout=10000"));
    }

    /** The URL with more parameters. */
    private String with(String parameters) {
        return url + (url.contains("?") ? "&" : "?") + parameters;
    }

    private synchronized ActiveMQConnectionFactory made(String full) {
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(full);
        factories.add(factory);
        return factory;
    }

    /** Sends texts to a queue, durable, with a connection of its own. */
    void fill(String queue, String... texts) throws JMSException {
        try (Connection connection = factory("").createConnection();
                Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE)) {
            var producer = session.createProducer(session.createQueue(queue));
            for (String text : texts) {
                producer.send(session.createTextMessage(text));
            }
        }
    }

    /** Takes everything out of a queue, with a connection of its own, and gives back the texts in order. */
    List<String> drain(String queue) throws JMSException {
        return drain(Set.of(queue)).get(queue);
    }

    private Map<String, List<String>> drain(Set<String> names) throws JMSException {
        Map<String, List<String>> found = new TreeMap<>();
        try (Connection connection = factory("").createConnection();
                Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE)) {
            connection.start();
            for (String name : names) {
                List<String> texts = new ArrayList<>();
                try (MessageConsumer consumer = session.createConsumer(session.createQueue(name))) {
                    for (Message m = consumer.receiveNoWait(); m != null; m = consumer.receiveNoWait()) {
                        texts.add(text(m));
                    }
                }
                found.put(name, texts);
            }
        }
        return found;
    }

    /** Exactly these texts in this order are in the queue, and nothing more. */
    void expect(String queue, String... texts) throws JMSException {
        Check.equal(List.of(texts), drain(queue), "content of " + queue);
    }

    /** Every queue of the case is empty: what it sent it also received, and nothing came twice. */
    void expectEmpty() throws JMSException {
        Map<String, List<String>> left = drain(queues);
        left.values().removeIf(List::isEmpty);
        Check.equal(Map.of(), left, "left in the queues at the end");
    }

    static String text(Message message) throws JMSException {
        return message instanceof TextMessage t ? t.getText() : message.getClass().getSimpleName();
    }

    /** The text of the next message, which must come. */
    static String next(MessageConsumer consumer, String what) throws JMSException {
        return text(Check.present(consumer.receive(COMES), what));
    }

    /** The next texts in order. */
    static void expectNext(MessageConsumer consumer, String... texts) throws JMSException {
        for (String text : texts) {
            Check.equal(text, next(consumer, "waiting for " + text), "received text");
        }
    }

    static void expectNone(MessageConsumer consumer, String what) throws JMSException {
        Message message = consumer.receive(EMPTY);
        Check.absent(message == null ? null : text(message), what);
    }

    /** Closes what the case left open. Errors are of no interest here: the case has been judged. */
    synchronized void close() {
        for (Connection connection : connections) {
            try {
                connection.close();
            } catch (JMSException | RuntimeException e) {
                continue;
            }
        }
        factories.forEach(ActiveMQConnectionFactory::close);
    }
}

package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import javax.jms.Connection;
import javax.jms.InvalidClientIDException;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;

/** Connections and sessions: opening, starting, naming, and the queues that appear by being used. */
final class ConnectionCases {
    private ConnectionCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.first("connect_close_50", ConnectionCases::connectClose),
                Case.of("connect_ha_url", ConnectionCases::haUrl),
                Case.of("connection_start_stop", ConnectionCases::startStop),
                Case.of("two_connections", ConnectionCases::twoConnections),
                Case.of("many_sessions", ConnectionCases::manySessions),
                Case.of("client_id_unique", ConnectionCases::clientIdUnique),
                Case.of("client_id_in_url", ConnectionCases::clientIdInUrl),
                Case.of("queue_created_by_producer", ConnectionCases::createdByProducer),
                Case.of("queue_created_by_consumer", ConnectionCases::createdByConsumer),
                Case.of("queue_names", ConnectionCases::queueNames));
    }

    /** The client sends its first request in one of two forms, by chance: fifty times meets both. */
    private static void connectClose(Scope scope) throws Exception {
        for (int i = 0; i < 50; i++) {
            Connection connection = scope.factory("").createConnection();
            connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            connection.close();
        }
    }

    private static void haUrl(Scope scope) throws Exception {
        String queue = scope.queue("q");
        for (int i = 0; i < 2; i++) {
            Connection connection = scope.started("ha=true&reconnectAttempts=3");
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            session.createProducer(session.createQueue(queue)).send(session.createTextMessage("ha " + i));
            Scope.expectNext(session.createConsumer(session.createQueue(queue)), "ha " + i);
            connection.close();
        }
    }

    /** A stopped connection delivers nothing; what was sent meanwhile comes when it is started again. */
    private static void startStop(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Connection connection = scope.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        producer.send(session.createTextMessage("before the start"));
        Check.absent(consumer.receive(100), "not started yet");
        connection.start();
        Scope.expectNext(consumer, "before the start");
        for (int i = 0; i < 3; i++) {
            connection.stop();
            producer.send(session.createTextMessage("stopped " + i));
            Check.absent(consumer.receive(100), "stopped");
            connection.start();
            Scope.expectNext(consumer, "stopped " + i);
        }
    }

    private static void twoConnections(Scope scope) throws Exception {
        String there = scope.queue("there");
        String back = scope.queue("back");
        Session asking = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session answering = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer question = asking.createProducer(asking.createQueue(there));
        MessageConsumer answers = asking.createConsumer(asking.createQueue(back));
        MessageConsumer questions = answering.createConsumer(answering.createQueue(there));
        MessageProducer answer = answering.createProducer(answering.createQueue(back));
        for (int i = 0; i < 20; i++) {
            question.send(asking.createTextMessage("question " + i));
            Scope.expectNext(questions, "question " + i);
            answer.send(answering.createTextMessage("answer " + i));
            Scope.expectNext(answers, "answer " + i);
        }
    }

    private static void manySessions(Scope scope) throws Exception {
        Connection connection = scope.started();
        List<Session> sessions = new ArrayList<>();
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            Session session = connection.createSession(i % 3 == 0, i % 3 == 0 ? 0 : Session.AUTO_ACKNOWLEDGE);
            sessions.add(session);
            consumers.add(session.createConsumer(session.createQueue(scope.queue("q" + i))));
        }
        for (int i = 0; i < sessions.size(); i++) {
            // Each session sends to the queue of its neighbour.
            Session session = sessions.get(i);
            Queue to = session.createQueue(scope.queue("q" + (i + 1) % sessions.size()));
            session.createProducer(to).send(session.createTextMessage("from " + i));
            commit(session);
        }
        for (int i = 0; i < sessions.size(); i++) {
            Scope.expectNext(consumers.get(i), "from " + (i + sessions.size() - 1) % sessions.size());
            commit(sessions.get(i));
        }
        // Channels that became free are used again.
        for (int i = 0; i < sessions.size(); i += 2) {
            sessions.get(i).close();
        }
        Session late = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        late.createProducer(late.createQueue(scope.queue("q1"))).send(late.createTextMessage("late"));
        Scope.expectNext(consumers.get(1), "late");
    }

    private static void commit(Session session) throws Exception {
        if (session.getTransacted()) {
            session.commit();
        }
    }

    private static void clientIdUnique(Scope scope) throws Exception {
        String id = scope.name("id");
        Connection first = scope.connect();
        first.setClientID(id);
        Check.equal(id, first.getClientID(), "client id");
        Connection second = scope.connect();
        Check.thrown(InvalidClientIDException.class, () -> second.setClientID(id), "the same client id");
        Connection other = scope.connect();
        other.setClientID(id + "2");
        first.close();
        Connection third = scope.connect();
        third.setClientID(id);
        Check.equal(id, third.getClientID(), "the id is free again");
    }

    private static void clientIdInUrl(Scope scope) throws Exception {
        String parameters = "clientID=" + scope.name("url");
        Connection first = scope.connect(parameters);
        Check.equal(scope.name("url"), first.getClientID(), "client id");
        Check.thrown(InvalidClientIDException.class, () -> scope.connect(parameters), "the same client id");
        first.close();
        scope.connect(parameters);
    }

    private static void createdByProducer(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        // Several in a row: the second finds the queue that the first has made.
        session.createProducer(session.createQueue(queue)).send(session.createTextMessage("one"));
        producer.send(session.createTextMessage("two"));
        scope.expect(queue, "one", "two");
    }

    private static void createdByConsumer(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        Scope.expectNone(consumer, "a new queue");
        scope.fill(queue, "later");
        Scope.expectNext(consumer, "later");
        // An empty queue that nobody uses may be deleted by the broker; using it again must work either way.
        consumer.close();
        scope.fill(queue, "again");
        Scope.expectNext(session.createConsumer(session.createQueue(queue)), "again");
    }

    /** Names cross the wire in another encoding than texts, so their lengths and letters are tried on their own. */
    private static void queueNames(Scope scope) throws Exception {
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        List<String> names = new ArrayList<>();
        for (String part : List.of("a", "with-dash_and.dot", "Grüße", "漢字", "😀", "x".repeat(200), "ü".repeat(100))) {
            names.add(scope.queue(part));
        }
        for (String name : names) {
            session.createProducer(session.createQueue(name)).send(session.createTextMessage(name));
        }
        for (String name : names) {
            MessageConsumer consumer = session.createConsumer(session.createQueue(name));
            var message = Check.present(consumer.receive(Scope.COMES), name);
            Check.equal(name, Scope.text(message), "text");
            Check.equal(name, ((Queue) message.getJMSDestination()).getQueueName(), "destination");
            consumer.close();
        }
    }
}

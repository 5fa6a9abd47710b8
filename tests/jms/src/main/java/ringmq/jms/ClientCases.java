package ringmq.jms;

import java.util.ArrayList;
import java.util.List;
import javax.jms.Connection;
import javax.jms.IllegalStateException;
import javax.jms.InvalidClientIDException;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import org.apache.activemq.artemis.api.core.ActiveMQDuplicateMetaDataException;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.jms.client.ActiveMQSession;

/** What a client says about itself: its id, its time to live, and what it writes on its sessions. */
final class ClientCases {
    private ClientCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.of("client_id_before_use_only", ClientCases::idBeforeUse),
                Case.of("client_id_many_connections", ClientCases::manyConnections),
                Case.of("client_id_shared", ClientCases::shared),
                Case.of("client_id_free_after_cut", ClientCases::freeAfterCut),
                Case.of("client_ttl_silent", ClientCases::silent),
                Case.of("client_ttl_pings", ClientCases::pings),
                Case.of("client_metadata", ClientCases::metadata),
                Case.of("client_metadata_unique", ClientCases::unique));
    }

    private static void idBeforeUse(Scope scope) throws Exception {
        Connection used = scope.connect();
        used.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Check.thrown(IllegalStateException.class, () -> used.setClientID(scope.name("late")), "behind the first session");
        Connection twice = scope.connect();
        twice.setClientID(scope.name("first"));
        Check.thrown(IllegalStateException.class, () -> twice.setClientID(scope.name("second")), "a second id");
        Check.equal(scope.name("first"), twice.getClientID(), "the id that it has");
        Connection inUrl = scope.connect("clientID=" + scope.name("url"));
        Check.thrown(IllegalStateException.class, () -> inUrl.setClientID(scope.name("own")), "beside the one in the URL");
    }

    /** Each with its own id and several sessions; the ids stay taken until their connections are closed. */
    private static void manyConnections(Scope scope) throws Exception {
        List<Connection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Connection connection = scope.connect("clientID=" + scope.name("id" + i));
            for (int k = 0; k < 3; k++) {
                connection.createSession(k == 0, k == 0 ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
            }
            connections.add(connection);
        }
        for (int i = 0; i < 10; i++) {
            String parameters = "clientID=" + scope.name("id" + i);
            Check.thrown(InvalidClientIDException.class, () -> scope.connect(parameters), "id " + i + " twice");
            if (i % 2 == 0) {
                connections.get(i).close();
                Check.equal(scope.name("id" + i), scope.connect(parameters).getClientID(), "id " + i + " again");
            }
        }
    }

    /** Connections that say so may have one id together, and each of them works. */
    private static void shared(Scope scope) throws Exception {
        String parameters = "enableSharedClientID=true&clientID=" + scope.name("shared");
        String queue = scope.queue("q");
        for (int i = 0; i < 3; i++) {
            Connection connection = scope.started(parameters);
            Check.equal(scope.name("shared"), connection.getClientID(), "client id");
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            session.createProducer(session.createQueue(queue)).send(session.createTextMessage("from " + i));
        }
        scope.expect(queue, "from 0", "from 1", "from 2");
    }

    private static void freeAfterCut(Scope scope) throws Exception {
        String parameters = "reconnectAttempts=0&clientID=" + scope.name("cut");
        Connection lost = scope.connect(parameters);
        CutCases.cut(lost);
        long end = System.nanoTime() + 10_000_000_000L;
        for (boolean free = false; !free;) {
            Check.that(System.nanoTime() < end, "the id of a broken connection is still taken after 10 s");
            try {
                Check.equal(scope.name("cut"), scope.connect(parameters).getClientID(), "client id");
                free = true;
            } catch (InvalidClientIDException e) {
                Thread.onSpinWait();
            }
        }
    }

    /** Holds one message of a queue without acknowledging it. */
    private static Connection holding(Scope scope, String queue, String parameters) throws Exception {
        Connection connection = scope.started(parameters);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Scope.expectNext(session.createConsumer(session.createQueue(queue)), "held");
        return connection;
    }

    /**
     * A client whose time to live is a second and which never pings is thrown out, and what it held goes to another.
     * Beside it one that is as silent but lives for ever keeps what it holds.
     */
    private static void silent(Scope scope) throws Exception {
        String mortal = scope.queue("mortal");
        String immortal = scope.queue("immortal");
        scope.fill(mortal, "held");
        scope.fill(immortal, "held");
        Connection kept = holding(scope, immortal, "connectionTTL=-1&clientFailureCheckPeriod=-1&reconnectAttempts=0");
        holding(scope, mortal, "connectionTTL=1000&clientFailureCheckPeriod=-1&reconnectAttempts=0");
        Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer second = session.createConsumer(session.createQueue(mortal));
        Check.equal("held/2", Texts.counted(Check.present(second.receive(Scope.COMES), "the held message")), "message");
        Scope.expectNone(session.createConsumer(session.createQueue(immortal)), "of the one that lives for ever");
        session.close();
        kept.close();
        scope.expect(immortal, "held");
    }

    /** A client that pings within its time to live stays, however little else it does. */
    private static void pings(Scope scope) throws Exception {
        String queue = scope.queue("q");
        String dying = scope.queue("dying");
        scope.fill(queue, "held");
        scope.fill(dying, "held");
        Connection alive = scope.started("connectionTTL=1000&clientFailureCheckPeriod=200&reconnectAttempts=0");
        Session session = alive.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
        var message = Check.present(consumer.receive(Scope.COMES), "the message");
        // A silent one with the same time to live tells when that has passed.
        holding(scope, dying, "connectionTTL=1000&clientFailureCheckPeriod=-1&reconnectAttempts=0");
        Session other = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Scope.expectNext(other.createConsumer(other.createQueue(dying)), "held");
        message.acknowledge();
        session.createQueue(queue);
        alive.close();
        scope.expect(queue);
    }

    private static ClientSession core(Session session) {
        return ((ActiveMQSession) session).getCoreSession();
    }

    /** Any client may write on its session what it likes, also the same again. */
    private static void metadata(Scope scope) throws Exception {
        String queue = scope.queue("q");
        for (int i = 0; i < 2; i++) {
            Session session = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
            core(session).addMetaData("application", "billing");
            core(session).addMetaData("application", "billing Grüße");
            core(session).addMetaData("host", "x".repeat(1000));
            session.createProducer(session.createQueue(queue)).send(session.createTextMessage("m" + i));
        }
        scope.expect(queue, "m0", "m1");
    }

    /** One session only may have a unique value, until it is closed; the refused one goes on working. */
    private static void unique(Scope scope) throws Exception {
        String queue = scope.queue("q");
        Session first = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session second = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        String value = scope.name("only one");
        core(first).addUniqueMetaData("role", value);
        Check.thrown(ActiveMQDuplicateMetaDataException.class, () -> core(second).addUniqueMetaData("role", value),
                "the same key and value");
        core(second).addUniqueMetaData("role", value + " else");
        core(second).addUniqueMetaData("other role", value);
        second.createProducer(second.createQueue(queue)).send(second.createTextMessage("still works"));
        first.close();
        Session third = scope.started().createSession(false, Session.AUTO_ACKNOWLEDGE);
        core(third).addUniqueMetaData("role", value);
        scope.expect(queue, "still works");
    }
}

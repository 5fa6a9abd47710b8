package ringmq.jms;

import java.util.List;
import javax.jms.Connection;
import javax.jms.JMSConsumer;
import javax.jms.JMSContext;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import javax.jms.JMSSecurityRuntimeException;
import javax.jms.MessageProducer;
import javax.jms.Session;

/**
 * Clients that have to log in. The runner's broker knows three users, each with its name as its password: `all` may do
 * everything, `reader` may consume and browse, `writer` may send; the queues of a case are made by `all`.
 */
final class SecurityCases {
    private static final String READER = "user=reader&password=reader";
    private static final String WRITER = "user=writer&password=writer";

    private SecurityCases() {
    }

    static List<Case> all() {
        return List.of(
                Case.secured("login_parameters_of_url", SecurityCases::parametersOfUrl),
                Case.secured("login_arguments", SecurityCases::arguments),
                Case.secured("login_wrong_password", SecurityCases::wrongPassword),
                Case.secured("login_unknown_user", SecurityCases::unknownUser),
                Case.secured("login_without_user", SecurityCases::withoutUser),
                Case.secured("login_wrong_then_right", SecurityCases::wrongThenRight),
                Case.secured("login_of_context", SecurityCases::context),
                Case.secured("permission_all_that_roles_have", SecurityCases::allThatRolesHave),
                Case.secured("permission_send", SecurityCases::send),
                Case.secured("permission_send_in_transaction", SecurityCases::sendInTransaction),
                Case.secured("permission_send_leaves_the_session", SecurityCases::sendLeavesTheSession),
                Case.secured("permission_consume", SecurityCases::consume),
                Case.secured("permission_browse", SecurityCases::browse),
                Case.secured("permission_create_queue", SecurityCases::createQueue),
                Case.secured("permission_temporary_queue", SecurityCases::temporaryQueue),
                Case.secured("permission_two_users_at_once", SecurityCases::twoUsersAtOnce));
    }

    private static void refused(Scope scope, String parameters, String what) {
        Check.thrown(JMSSecurityException.class, () -> scope.connect(parameters), what);
    }

    private static Session session(Scope scope, String parameters) throws JMSException {
        return scope.started(parameters).createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    /** The queue is there and holds this, by the user that may do everything. */
    private static String filled(Scope scope, String... texts) throws JMSException {
        String queue = scope.queue("q");
        scope.fill(queue, texts);
        return queue;
    }

    private static void parametersOfUrl(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = session(scope, "user=all&password=all");
        Scope.expectNext(session.createConsumer(session.createQueue(queue)), "one");
    }

    private static void arguments(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        try (Connection connection = scope.factory("").createConnection("all", "all")) {
            connection.start();
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            Scope.expectNext(session.createConsumer(session.createQueue(queue)), "one");
        }
        Check.thrown(JMSSecurityException.class, () -> scope.factory("").createConnection("all", "reader"),
                "arguments go before the URL");
    }

    private static void wrongPassword(Scope scope) {
        for (String password : List.of("wrong", "", "All", "all%20", "alll", "reader")) {
            refused(scope, "user=all&password=" + password, "password `" + password + "`");
        }
    }

    private static void unknownUser(Scope scope) {
        for (String user : List.of("nobody", "All", "al", "all%00")) {
            refused(scope, "user=" + user + "&password=all", "user `" + user + "`");
        }
    }

    private static void withoutUser(Scope scope) {
        Check.thrown(JMSSecurityException.class, () -> scope.anonymous().createConnection(), "neither name nor password");
    }

    private static void wrongThenRight(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        for (int i = 0; i < 5; i++) {
            refused(scope, "user=reader&password=" + i, "wrong for the " + i + ". time");
        }
        Session session = session(scope, READER);
        Scope.expectNext(session.createConsumer(session.createQueue(queue)), "one");
    }

    private static void context(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        try (JMSContext context = scope.factory("").createContext("reader", "reader");
                JMSConsumer consumer = context.createConsumer(context.createQueue(queue))) {
            Check.equal("one", consumer.receiveBody(String.class, Scope.COMES), "body");
        }
        Check.thrown(JMSSecurityRuntimeException.class, () -> scope.factory("").createContext("reader", "writer").close(),
                "wrong password of a context");
    }

    private static void allThatRolesHave(Scope scope) throws Exception {
        String queue = filled(scope, "zero");
        Session writing = session(scope, WRITER);
        writing.createProducer(writing.createQueue(queue)).send(writing.createTextMessage("one"));
        Session reading = session(scope, READER);
        var browser = reading.createBrowser(reading.createQueue(queue)).getEnumeration();
        browser.nextElement();
        Check.that(browser.hasMoreElements(), "the reader browses what the writer wrote");
        Scope.expectNext(reading.createConsumer(reading.createQueue(queue)), "zero", "one");
    }

    private static void send(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = session(scope, READER);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        JMSSecurityException why = Check.thrown(JMSSecurityException.class,
                () -> producer.send(session.createTextMessage("refused")), "the reader sends");
        Check.that(why.getMessage().contains("AMQ229032") && why.getMessage().contains("reader"), why.getMessage());
        scope.expect(queue, "one");
    }

    private static void sendInTransaction(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = scope.started(READER).createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        Check.thrown(JMSException.class, () -> {
            producer.send(session.createTextMessage("refused"));
            session.commit();
        }, "the reader sends in a transaction");
        scope.expect(queue, "one");
    }

    private static void sendLeavesTheSession(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = session(scope, READER);
        MessageProducer producer = session.createProducer(session.createQueue(queue));
        for (int i = 0; i < 10; i++) {
            Check.thrown(JMSSecurityException.class, () -> producer.send(session.createTextMessage("refused")), "a send");
        }
        Scope.expectNext(session.createConsumer(session.createQueue(queue)), "one");
    }

    private static void consume(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = session(scope, WRITER);
        JMSSecurityException why = Check.thrown(JMSSecurityException.class,
                () -> session.createConsumer(session.createQueue(queue)), "the writer consumes");
        Check.that(why.getMessage().contains("CONSUME") && why.getMessage().contains("writer"), why.getMessage());
        scope.expect(queue, "one");
    }

    private static void browse(Scope scope) throws Exception {
        String queue = filled(scope, "one");
        Session session = session(scope, WRITER);
        JMSException why = Check.thrown(JMSException.class,
                () -> session.createBrowser(session.createQueue(queue)).getEnumeration(), "the writer browses");
        Check.that(why.getMessage().contains("BROWSE") && why.getMessage().contains("writer"), why.getMessage());
        scope.expect(queue, "one");
    }

    private static void createQueue(Scope scope) throws Exception {
        Session session = session(scope, WRITER);
        String missing = scope.name("missing");
        Check.thrown(JMSException.class, () -> session.createProducer(session.createQueue(missing))
                .send(session.createTextMessage("refused")), "the writer sends to a queue that is not there");
        Session reading = session(scope, READER);
        Check.thrown(JMSException.class, () -> reading.createConsumer(reading.createQueue(missing)),
                "the reader consumes from a queue that is not there");
    }

    private static void temporaryQueue(Scope scope) throws Exception {
        Session session = session(scope, READER);
        Check.thrown(JMSSecurityException.class, session::createTemporaryQueue, "the reader makes a temporary queue");
        Session all = session(scope, "");
        all.createTemporaryQueue().delete();
    }

    private static void twoUsersAtOnce(Scope scope) throws Exception {
        String queue = filled(scope, "zero");
        Session writing = session(scope, WRITER);
        Session reading = session(scope, READER);
        MessageProducer producer = writing.createProducer(writing.createQueue(queue));
        var consumer = reading.createConsumer(reading.createQueue(queue));
        Scope.expectNext(consumer, "zero");
        for (int i = 0; i < 50; i++) {
            producer.send(writing.createTextMessage("m" + i));
            Scope.expectNext(consumer, "m" + i);
        }
    }
}

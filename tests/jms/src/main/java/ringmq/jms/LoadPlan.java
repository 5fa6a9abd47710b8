package ringmq.jms;

/**
 * What a load does.
 *
 * @param queue      the queue that is filled and emptied
 * @param producers  number of producers, each with its own connection and thread
 * @param consumers  number of consumers likewise; odd ones are transacted, even ones wait for each acknowledgement
 * @param seconds    how long
 * @param batch      messages in one transaction of a consumer, and of a producer when `txSends` is set
 * @param size       bytes of filling in each body
 * @param txSends    producers are transacted
 * @param prefix     begins every id, so that several runs on one queue can be told apart
 * @param parameters of the URL; the default reconnects for ever
 */
record LoadPlan(String queue, int producers, int consumers, int seconds, int batch, int size, boolean txSends,
        String prefix, String parameters) {

    static LoadPlan parse(String text) {
        LoadPlan plan = new LoadPlan("load", 2, 1, 5, 5, 100, false, "p", CutCases.RECONNECT);
        for (String part : text.split(",")) {
            int at = part.indexOf('=');
            Check.that(at > 0, "--load wants KEY=VALUE, got " + part);
            plan = plan.with(part.substring(0, at), part.substring(at + 1));
        }
        return plan;
    }

    private LoadPlan with(String key, String value) {
        return new LoadPlan(
                key.equals("queue") ? value : queue,
                key.equals("producers") ? Integer.parseInt(value) : producers,
                key.equals("consumers") ? Integer.parseInt(value) : consumers,
                key.equals("seconds") ? Integer.parseInt(value) : seconds,
                key.equals("batch") ? Integer.parseInt(value) : batch,
                key.equals("size") ? Integer.parseInt(value) : size,
                key.equals("txsends") ? Boolean.parseBoolean(value) : txSends,
                key.equals("prefix") ? value : prefix,
                key.equals("url") ? value : parameters);
    }
}

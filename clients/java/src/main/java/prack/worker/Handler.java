package prack.worker;

/** What answers requests, several at a time. */
@FunctionalInterface
public interface Handler {
    /**
     * Answer one request. The response is complete when this returns.
     *
     * @throws Exception anything: a plain 500, or the end of a response that has begun
     */
    void handle(Request request, Response response) throws Exception;
}

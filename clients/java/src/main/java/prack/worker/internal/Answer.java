package prack.worker.internal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import prack.worker.PrackException.Ended;
import prack.worker.PrackException.Unreachable;

/**
 * The answer to one request: an upload of application/http, sent as it is made.
 *
 * <p>While it is short it is kept, and sent again if its connection breaks: it counts once.
 */
final class Answer {
    private static final int KEPT = 64 * 1024;
    private static final Set<Integer> FORGOTTEN = Set.of(404, 409, 410);

    private final Gateway gateway;
    private final Held held;
    private final Backoff backoff = new Backoff();
    private ByteArrayOutputStream kept = new ByteArrayOutputStream();
    private Pieces pieces;
    private CompletableFuture<HttpResponse<String>> reply;
    private boolean done;

    Answer(Gateway gateway, Held held) {
        this.gateway = gateway;
        this.held = held;
    }

    /** A piece. */
    void write(byte[] data) throws Ended, Unreachable, InterruptedException {
        if (done || data.length == 0) {
            return;
        }
        keep(data);
        try {
            if (pieces == null) {
                start(data);
            } else {
                pieces.write(data);
            }
            if (reply.isDone()) { // the gateway need not wait for the end
                verdict();
                done = true;
            }
        } catch (IOException error) {
            again(error);
        }
    }

    /** The end, once it has arrived. */
    void finish() throws Ended, Unreachable, InterruptedException {
        while (!done) {
            try {
                pieces.finish();
                verdict();
                done = true;
            } catch (Unreachable error) {
                again(error);
            }
        }
    }

    /** Break it off, so that the client sees that it is not whole. */
    void cut() {
        pieces.cut();
    }

    private void keep(byte[] data) {
        if (kept != null && kept.size() + data.length > KEPT) {
            kept = null;
        }
        if (kept != null) {
            kept.writeBytes(data);
        }
    }

    private void start(byte[] data) throws IOException, InterruptedException {
        pieces = new Pieces();
        reply = gateway.answer(held.identifier(), BodyPublishers.fromPublisher(pieces));
        Pieces mine = pieces;
        reply.whenComplete((one, error) -> mine.cancel());
        pieces.write(data);
    }

    /** Return if the gateway has taken it; Unreachable is for what may pass. */
    private void verdict() throws Ended, Unreachable, InterruptedException {
        HttpResponse<String> said;
        try {
            said = reply.get();
        } catch (ExecutionException error) {
            throw Gateway.unreachable(error.getCause());
        }
        if (said.statusCode() == 200) {
            return;
        }
        if (FORGOTTEN.contains(said.statusCode())) {
            throw new Ended("nobody waits for it any more");
        }
        gateway.check(said, said.body());
        throw new Ended("the gateway refuses it: " + Gateway.detail(said.statusCode(), said.body()));
    }

    /** Send again what was sent, until that works. */
    private void again(IOException error) throws Ended, Unreachable, InterruptedException {
        Unreachable reason = reason(error);
        while (true) {
            long delay = (long) (1000 * backoff.next(reason.retryAfter()));
            if (kept == null || delay > held.left()) {
                throw reason;
            }
            Thread.sleep(delay);
            try {
                start(kept.toByteArray());
                return;
            } catch (IOException later) {
                reason = reason(later);
            }
        }
    }

    /** A connection may bring a reply before it breaks. */
    private Unreachable reason(IOException error) throws Ended, InterruptedException {
        if (error instanceof Unreachable said) {
            return said;
        }
        try {
            verdict();
            return Gateway.unreachable(error);
        } catch (Unreachable said) {
            return said;
        }
    }
}

package prack.worker.internal;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import prack.worker.Handler;
import prack.worker.Lines;
import prack.worker.PrackException.Ended;
import prack.worker.PrackException.Refused;
import prack.worker.PrackException.Unreachable;
import prack.worker.Request;

/** One loop: polls, answers, and polls again, until the worker stops. */
public final class Slot extends Thread {
    private final Handler handler;
    private final Gateway gateway;
    private final Leases leases;
    private final Lines log;
    private final CountDownLatch stopping;
    private final Consumer<Refused> refuse;
    private final Backoff backoff = new Backoff();
    private volatile boolean polling;

    public Slot(Handler handler, Gateway gateway, Leases leases, Lines log, CountDownLatch stopping,
            Consumer<Refused> refuse) {
        this.handler = handler;
        this.gateway = gateway;
        this.leases = leases;
        this.log = log;
        this.stopping = stopping;
        this.refuse = refuse;
        setDaemon(true); // what is left after the grace period does not keep the process
    }

    /** It may get a request at any time. */
    public boolean isPolling() {
        return polling;
    }

    @Override
    public void run() {
        try {
            while (stopping.getCount() > 0) {
                Optional<HttpResponse<byte[]>> reply = poll();
                if (reply.isPresent()) {
                    take(reply.get());
                }
            }
        } catch (Refused error) {
            refuse.accept(error);
        } catch (InterruptedException error) {
            interrupt();
        }
    }

    private Optional<HttpResponse<byte[]>> poll() throws Refused, InterruptedException {
        polling = true;
        try {
            Optional<HttpResponse<byte[]>> reply = gateway.poll();
            backoff.reset();
            return reply;
        } catch (Unreachable error) {
            polling = false;
            if (stopping.getCount() > 0) {
                gateway.lost(error);
            }
            long delay = (long) (1000 * backoff.next(error.retryAfter()));
            stopping.await(delay, TimeUnit.MILLISECONDS);
            return Optional.empty();
        } finally {
            polling = false;
        }
    }

    /** The slot outlives what is no request. */
    private void take(HttpResponse<byte[]> reply) throws InterruptedException {
        try {
            serve(reply);
        } catch (RuntimeException error) {
            log.log("error", "The gateway sent an invalid request: is it of the same version? %s", Lines.trace(error));
        }
    }

    private void serve(HttpResponse<byte[]> reply) throws InterruptedException {
        String identifier = field(reply, "prack-id");
        try (Upload upload = new Upload(gateway, identifier, field(reply, "prack-body-length").equals("0"))) {
            int attempt = Integer.parseInt(field(reply, "prack-attempt"));
            Request request = new Request(identifier, attempt, reply.body(), upload);
            Held held = new Held(identifier, request.toString(), Long.parseLong(field(reply, "prack-deadline-ms")));
            leases.hold(held);
            try {
                answer(request, new Exchange(request, new Answer(gateway, held)));
            } catch (Ended error) {
                log.log("debug", "The answer to %s is lost: %s", request, error.getMessage());
            } finally {
                leases.release(held);
            }
        } catch (IOException error) {
            log.log("warning", "The answer to %s is lost: %s", identifier, error.getMessage());
        }
    }

    private void answer(Request request, Exchange exchange) throws IOException, InterruptedException {
        try {
            handler.handle(request, exchange);
            exchange.finish();
        } catch (Ended | Unreachable error) {
            throw error;
        } catch (Throwable error) { // also an Error is the end of this response only
            log.log("error", "%s failed: %s", request, Lines.trace(error));
            exchange.fail();
        }
    }

    private static String field(HttpResponse<?> reply, String name) {
        return reply.headers().firstValue(name).orElse("");
    }
}

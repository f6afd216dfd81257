package prack.worker.internal;

import java.util.concurrent.ThreadLocalRandom;

/** How long to wait before another attempt: below a bound that doubles from 0.1 s to 10 s. */
final class Backoff {
    private double bound = 0.1;

    /** Seconds, at least as many as the gateway asks for. */
    double next(int retryAfter) {
        double delay = ThreadLocalRandom.current().nextDouble() * bound;
        bound = Math.min(2 * bound, 10);
        return Math.max(delay, retryAfter);
    }

    void reset() {
        bound = 0.1;
    }
}

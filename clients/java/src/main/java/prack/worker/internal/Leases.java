package prack.worker.internal;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import prack.worker.PrackException.Unreachable;

/**
 * The requests that are held. Each is extended when half of its time has passed, so that a worker that is lost is
 * noticed soon, and one that only takes long is not.
 */
public final class Leases implements AutoCloseable {
    private static final long AGAIN_MILLIS = 500;

    private final Gateway gateway;
    private final Set<Held> held = ConcurrentHashMap.newKeySet();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "prack-leases");
        thread.setDaemon(true);
        return thread;
    });

    public Leases(Gateway gateway) {
        this.gateway = gateway;
    }

    /** Those that are held now, as text for the log. */
    public List<String> held() {
        return held.stream().map(Held::toString).toList();
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }

    /** Extend this one until it is released. */
    void hold(Held one) {
        held.add(one);
        extendIn(one, one.left() / 2);
    }

    void release(Held one) {
        held.remove(one);
    }

    private void extendIn(Held one, long millis) {
        clock.schedule(() -> extend(one), millis, TimeUnit.MILLISECONDS);
    }

    private void extend(Held one) {
        if (!held.contains(one)) {
            return;
        }
        try {
            gateway.extend(one).ifPresent(millis -> {
                one.extended(millis);
                extendIn(one, millis / 2);
            });
        } catch (Unreachable error) {
            extendIn(one, AGAIN_MILLIS);
        }
    }
}

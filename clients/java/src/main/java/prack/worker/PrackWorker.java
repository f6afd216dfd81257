package prack.worker;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import prack.worker.Settings.Option;
import prack.worker.internal.Gateway;
import prack.worker.internal.Leases;
import prack.worker.internal.Slot;

/**
 * Runs a handler behind one gateway: a thread for each request that it may hold.
 *
 * <pre>PrackWorker.builder().slots(64).handler((request, response) -> ...).build().run();</pre>
 */
public final class PrackWorker {
    public static final String VERSION = "0.1.0";
    private static final long LEAVE_MILLIS = 1000; // a poll that began just before the stop is ended by the next call

    private final Settings settings;
    private final Handler handler;
    private final Lines log;
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final CountDownLatch stopped = new CountDownLatch(1);
    private final AtomicReference<PrackException.Refused> refused = new AtomicReference<>();

    private PrackWorker(Settings settings, Handler handler) {
        this.settings = settings;
        this.handler = handler;
        this.log = new Lines(System.err, settings.text(Option.LOG_LEVEL));
    }

    public static Builder builder() {
        return new Builder();
    }

    /**
     * Serve until SIGTERM, Ctrl-C or {@link #drain}, and finish what is held. After a signal the process then ends
     * with 0.
     *
     * @throws PrackException.Refused the gateway will never take this worker
     */
    public void run() throws PrackException.Refused, InterruptedException {
        String name = handler.getClass().getName().replaceFirst("\\$\\$Lambda.*", "");
        log.log("info", "Running %s with %d slots", name, settings.number(Option.SLOTS));
        Thread hook = new Thread(this::end, "prack-stop");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            serve();
            log.log("info", "Stopped");
        } finally {
            stopped.countDown();
        }
        if (refused.get() != null) {
            throw refused.get();
        }
    }

    /** Take no more requests, finish those that are held, then let {@code run} return. */
    public void drain() {
        stopping.countDown();
    }

    /** A signal came, or somebody calls System.exit. The status of a signal, 143, would say that something failed. */
    private void end() {
        boolean signal = stopped.getCount() > 0;
        drain();
        try {
            stopped.await();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        if (signal && refused.get() == null) {
            System.err.flush();
            Runtime.getRuntime().halt(0);
        }
    }

    private void serve() throws InterruptedException {
        Gateway gateway = new Gateway(settings, log);
        try (Leases leases = new Leases(gateway)) {
            List<Slot> slots = new ArrayList<>();
            for (int number = 1; number <= settings.number(Option.SLOTS); number++) {
                Slot slot = new Slot(handler, gateway, leases, log, stopping, this::refuse);
                slot.setName("prack-slot-" + number);
                slot.start();
                slots.add(slot);
            }
            stopping.await();
            finish(gateway, leases, slots);
        }
    }

    private void refuse(PrackException.Refused error) {
        refused.compareAndSet(null, error);
        drain();
    }

    private void finish(Gateway gateway, Leases leases, List<Slot> slots) throws InterruptedException {
        log.log("info", "Stopping: %d requests in progress, waiting up to %s s (PRACK_GRACE)",
                leases.held().size(), settings.text(Option.GRACE));
        long until = System.nanoTime() + (long) (settings.grace() * 1e9);
        for (long left = 1; left > 0 && slots.stream().anyMatch(Thread::isAlive); ) {
            if (slots.stream().anyMatch(Slot::isPolling)) {
                gateway.leave();
            }
            left = Math.max(0, TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime()));
            Slot busy = slots.stream().filter(Thread::isAlive).findFirst().orElse(slots.get(0));
            busy.join(Math.max(1, Math.min(left, LEAVE_MILLIS)));
        }
        List<String> held = leases.held();
        if (!held.isEmpty()) {
            log.log("warning", "Unfinished at the end of PRACK_GRACE: %d requests: %s",
                    held.size(), String.join("; ", held));
        }
    }

    /** What is not said here is read from the environment. */
    public static final class Builder {
        private final Map<Option, String> given = new EnumMap<>(Option.class);
        private Handler handler;

        private Builder() {
        }

        /** {@code http://host:port} of the REST port. */
        public Builder gateway(String url) {
            return give(Option.GATEWAY, url);
        }

        /** Requests to hold at a time. */
        public Builder slots(int slots) {
            return give(Option.SLOTS, Integer.toString(slots));
        }

        /** What this worker serves, each {@code [METHODS ]host/path}. */
        public Builder routes(String... routes) {
            return give(Option.ROUTES, String.join(",", routes));
        }

        /** What this worker runs, and the build of it. */
        public Builder service(String name, String version) {
            return give(Option.SERVICE, name).give(Option.APP_VERSION, version);
        }

        /** Any other. */
        public Builder give(Option option, String value) {
            given.put(option, value);
            return this;
        }

        public Builder handler(Handler handler) {
            this.handler = handler;
            return this;
        }

        /** @throws IllegalArgumentException a line for each setting that is wrong */
        public PrackWorker build() {
            Objects.requireNonNull(handler, "handler: expected one");
            return new PrackWorker(new Settings(given, System.getenv()), handler);
        }
    }
}

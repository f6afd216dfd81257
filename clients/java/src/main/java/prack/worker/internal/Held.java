package prack.worker.internal;

/** One request that is held. */
public final class Held {
    private final String identifier;
    private final String name;
    private volatile long deadline;

    Held(String identifier, String name, long millis) {
        this.identifier = identifier;
        this.name = name;
        extended(millis);
    }

    String identifier() {
        return identifier;
    }

    /** The answer may begin within so much time. */
    void extended(long millis) {
        deadline = System.nanoTime() + millis * 1_000_000;
    }

    /** Milliseconds that are left for the answer to begin. */
    long left() {
        return (deadline - System.nanoTime()) / 1_000_000;
    }

    @Override
    public String toString() {
        return name;
    }
}

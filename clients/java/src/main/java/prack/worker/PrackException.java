package prack.worker;

import java.io.IOException;

/** What goes wrong between a worker and its gateway; the message says what to do. */
public abstract class PrackException extends IOException {
    private static final long serialVersionUID = 1;

    private PrackException(String message, Throwable cause) {
        super(message, cause);
    }

    /** The gateway will never take this worker. */
    public static final class Refused extends PrackException {
        private static final long serialVersionUID = 1;

        public Refused(String message) {
            super(message, null);
        }
    }

    /** Nobody waits for this answer any more, or it was refused. */
    public static final class Ended extends PrackException {
        private static final long serialVersionUID = 1;

        public Ended(String message) {
            super(message, null);
        }
    }

    /** A call had no answer, or not now. */
    public static final class Unreachable extends PrackException {
        private static final long serialVersionUID = 1;
        private final int retryAfter;

        public Unreachable(String message, Throwable cause) {
            super(message, cause);
            this.retryAfter = 0;
        }

        /** {@code retryAfter}: seconds that the gateway asks to wait, 0 if it does not say. */
        public Unreachable(String message, int retryAfter) {
            super(message, null);
            this.retryAfter = retryAfter;
        }

        public int retryAfter() {
            return retryAfter;
        }
    }
}

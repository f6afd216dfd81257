package prack.worker.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Flow;

/** The body of an upload that is written while it is sent: a write waits until the connection takes it. */
final class Pieces implements Flow.Publisher<ByteBuffer>, Flow.Subscription {
    private Flow.Subscriber<? super ByteBuffer> subscriber;
    private long wanted;
    private boolean cancelled;

    @Override
    public void subscribe(Flow.Subscriber<? super ByteBuffer> one) {
        synchronized (this) {
            subscriber = one;
        }
        one.onSubscribe(this);
    }

    @Override
    public synchronized void request(long count) {
        wanted += count;
        notifyAll();
    }

    @Override
    public synchronized void cancel() {
        cancelled = true;
        notifyAll();
    }

    /** @throws IOException nobody takes it any more */
    void write(byte[] data) throws IOException, InterruptedException {
        synchronized (this) {
            while (wanted == 0 && !cancelled) {
                wait();
            }
            if (cancelled) {
                throw new IOException("the connection is closed");
            }
            wanted--;
        }
        subscriber.onNext(ByteBuffer.wrap(data));
    }

    void finish() {
        subscriber.onComplete();
    }

    /** Break off, so that the other side sees that it is not whole. */
    void cut() {
        subscriber.onError(new IOException("the application failed"));
    }
}

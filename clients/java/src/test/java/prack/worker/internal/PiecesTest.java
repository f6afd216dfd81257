package prack.worker.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PiecesTest {
    /** A connection that takes what it is told to. */
    private static final class Taker implements Flow.Subscriber<ByteBuffer> {
        private final BlockingQueue<String> taken = new LinkedBlockingQueue<>();
        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription one) {
            subscription = one;
        }

        @Override
        public void onNext(ByteBuffer piece) {
            taken.add(StandardCharsets.US_ASCII.decode(piece).toString());
        }

        @Override
        public void onError(Throwable error) {
            taken.add("cut");
        }

        @Override
        public void onComplete() {
            taken.add("end");
        }
    }

    private final Taker taker = new Taker();
    private final Pieces pieces = new Pieces();

    private CompletableFuture<Void> write(String text) {
        return CompletableFuture.runAsync(() -> {
            try {
                pieces.write(text.getBytes(StandardCharsets.US_ASCII));
            } catch (IOException | InterruptedException error) {
                throw new CompletionException(error);
            }
        });
    }

    @Test
    void aWriteWaitsUntilItIsWanted() throws Exception {
        pieces.subscribe(taker);
        taker.subscription.request(1);
        write("one").get(5, TimeUnit.SECONDS);
        CompletableFuture<Void> second = write("two");
        assertFalse(second.isDone());
        taker.subscription.request(1);
        second.get(5, TimeUnit.SECONDS);
        pieces.finish();
        assertEquals(List.of("one", "two", "end"), List.copyOf(taker.taken));
    }

    @Test
    void aWriteEndsWithTheConnection() {
        CompletableFuture<Void> waiting = write("one");
        pieces.cancel();
        Throwable error = assertThrows(CompletionException.class, waiting::join);
        assertEquals(IOException.class, error.getCause().getClass());
    }
}

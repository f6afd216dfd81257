package prack.worker.examples;

import java.nio.charset.StandardCharsets;

import prack.worker.PrackWorker;

/** The smallest worker. */
public final class Hello {
    private static final byte[] TEXT = "Hello, world!\n".getBytes(StandardCharsets.US_ASCII);

    private Hello() {
    }

    public static void main(String[] arguments) throws Exception {
        PrackWorker.builder().handler((request, response) -> {
            response.header("content-type", "text/plain");
            response.body().write(TEXT);
        }).build().run();
    }
}

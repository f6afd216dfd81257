package prack.worker.internal;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import prack.worker.PrackException.Ended;
import prack.worker.PrackException.Unreachable;
import prack.worker.Request;
import prack.worker.Response;

/** The response of one request, from the handler to its answer. */
final class Exchange extends OutputStream implements Response {
    private static final Set<Integer> BODILESS = Set.of(204, 205, 304);
    private static final int BUFFER = 8192;

    private final Request request;
    private final Answer answer;
    private final byte[] buffer = new byte[BUFFER];
    private int size;
    private int status = 200;
    private final StringBuilder fields = new StringBuilder();
    private boolean begun;

    Exchange(Request request, Answer answer) {
        this.request = request;
        this.answer = answer;
    }

    boolean isBegun() {
        return begun;
    }

    @Override
    public Response status(int code) {
        if (code < 200 || code > 599) {
            throw new IllegalArgumentException("status: " + code + ", expected 200 to 599");
        }
        status = code;
        return this;
    }

    @Override
    public Response header(String name, String value) {
        if ((name + value).matches("(?s).*[\r\n\0].*")) {
            throw new IllegalArgumentException("the field " + name + " has a line break");
        }
        fields.append(name).append(": ").append(value).append("\r\n");
        return this;
    }

    @Override
    public void interim(int code) throws IOException {
        send(head(code));
        fields.setLength(0);
    }

    @Override
    public OutputStream body() {
        return this;
    }

    @Override
    public void write(int one) throws IOException {
        write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public void write(byte[] data, int offset, int length) throws IOException {
        if (size + length > BUFFER) {
            flush();
        }
        if (length > BUFFER) {
            sendBody(Arrays.copyOfRange(data, offset, offset + length));
        } else {
            System.arraycopy(data, offset, buffer, size, length);
            size += length;
        }
    }

    @Override
    public void flush() throws IOException {
        begin();
        sendBody(Arrays.copyOf(buffer, size));
        size = 0;
    }

    /** The handler has returned. */
    void finish() throws Ended, Unreachable, InterruptedException, IOException {
        flush();
        answer.finish();
    }

    /** The handler has failed: a plain 500, or the end of what has begun. */
    void fail() throws IOException, InterruptedException {
        if (begun) {
            answer.cut();
            return;
        }
        size = 0;
        fields.setLength(0);
        status(500).header("content-type", "text/plain");
        write("Internal Server Error\n".getBytes(StandardCharsets.US_ASCII));
        finish();
    }

    private void begin() throws IOException {
        if (!begun) {
            begun = true;
            send(head(status));
        }
    }

    private byte[] head(int code) {
        return "HTTP/1.1 %d \r\n%s\r\n".formatted(code, fields).getBytes(StandardCharsets.ISO_8859_1);
    }

    private void sendBody(byte[] data) throws IOException {
        begin();
        if (!request.method().equals("HEAD") && !BODILESS.contains(status)) {
            send(data);
        }
    }

    private void send(byte[] data) throws IOException {
        try {
            answer.write(data);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new IOException("the handler was interrupted", error);
        }
    }
}

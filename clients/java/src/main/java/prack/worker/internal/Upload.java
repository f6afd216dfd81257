package prack.worker.internal;

import java.io.IOException;
import java.io.InputStream;
import prack.worker.PrackException.Unreachable;

/** The body of a request as the client sends it, fetched when it is first read. */
final class Upload extends InputStream {
    private final Gateway gateway;
    private final String identifier;
    private InputStream stream;

    Upload(Gateway gateway, String identifier, boolean empty) {
        this.gateway = gateway;
        this.identifier = identifier;
        this.stream = empty ? InputStream.nullInputStream() : null;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] data, int offset, int length) throws IOException {
        try {
            return stream().read(data, offset, length);
        } catch (Unreachable error) {
            throw error;
        } catch (IOException error) {
            throw new Unreachable("the client has broken off its body", error);
        }
    }

    @Override
    public int available() throws IOException {
        return stream().available();
    }

    @Override
    public void close() throws IOException {
        if (stream != null) {
            stream.close();
        }
    }

    private InputStream stream() throws IOException {
        if (stream == null) {
            stream = gateway.body(identifier);
        }
        return stream;
    }
}

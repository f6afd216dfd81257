package prack.worker.servlet;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import prack.worker.Response;

/** A response as a servlet makes it. It is committed by a flush, or once 8 KiB of its body were written. */
final class Outgoing extends HttpServletResponseWrapper {
    private static final int BUFFER = 8192;

    private final Response response;
    private final Map<String, List<String>> fields = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream();
    private final ServletOutputStream stream = new Body();
    private PrintWriter writer;
    private int status = SC_OK;
    private String encoding = StandardCharsets.ISO_8859_1.name(); // the Servlet specification's
    private boolean committed;

    Outgoing(Response response) {
        super(Unsupported.of(HttpServletResponse.class));
        this.response = response;
    }

    /** The servlet has returned. */
    void finish() throws IOException {
        if (writer != null) {
            writer.flush();
        }
        send();
    }

    // ---------------------------------------------------------------- the head

    @Override
    public void setStatus(int code) {
        status = code;
    }

    @Override
    public int getStatus() {
        return status;
    }

    @Override
    public void setHeader(String name, String value) {
        fields.remove(name);
        if (value != null) {
            addHeader(name, value);
        }
    }

    @Override
    public void addHeader(String name, String value) {
        fields.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
        if (name.equalsIgnoreCase("content-type")) {
            learnEncoding(value);
        }
    }

    @Override
    public void setIntHeader(String name, int value) {
        setHeader(name, Integer.toString(value));
    }

    @Override
    public void addIntHeader(String name, int value) {
        addHeader(name, Integer.toString(value));
    }

    @Override
    public void setDateHeader(String name, long millis) {
        setHeader(name, date(millis));
    }

    @Override
    public void addDateHeader(String name, long millis) {
        addHeader(name, date(millis));
    }

    @Override
    public boolean containsHeader(String name) {
        return fields.containsKey(name);
    }

    @Override
    public String getHeader(String name) {
        return getHeaders(name).stream().findFirst().orElse(null);
    }

    @Override
    public Collection<String> getHeaders(String name) {
        return fields.getOrDefault(name, List.of());
    }

    @Override
    public Collection<String> getHeaderNames() {
        return fields.keySet();
    }

    @Override
    public void addCookie(Cookie cookie) {
        String attributes = cookie.getAttributes().entrySet().stream()
                .filter(one -> !one.getValue().equalsIgnoreCase("false"))
                .map(Outgoing::attribute).collect(Collectors.joining());
        addHeader("Set-Cookie", cookie.getName() + "=" + cookie.getValue() + attributes);
    }

    @Override
    public void setContentType(String type) {
        setHeader("Content-Type", type);
    }

    @Override
    public String getContentType() {
        return getHeader("Content-Type");
    }

    @Override
    public void setCharacterEncoding(String name) {
        encoding = name;
        String type = getContentType();
        if (type != null) {
            fields.put("Content-Type", new ArrayList<>(List.of(type.split(";")[0] + ";charset=" + name)));
        }
    }

    @Override
    public String getCharacterEncoding() {
        return encoding;
    }

    @Override
    public void setContentLength(int length) {
        setContentLengthLong(length);
    }

    @Override
    public void setContentLengthLong(long length) {
        setHeader("Content-Length", Long.toString(length));
    }

    @Override
    public void setLocale(Locale locale) {
        setHeader("Content-Language", locale.toLanguageTag());
    }

    @Override
    public void sendError(int code) throws IOException {
        sendError(code, "");
    }

    @Override
    public void sendError(int code, String message) throws IOException {
        reset();
        setStatus(code);
        setContentType("text/plain;charset=UTF-8");
        stream.write((message == null ? "" : message).getBytes(StandardCharsets.UTF_8));
        send();
    }

    @Override
    public void sendRedirect(String location) throws IOException {
        resetBuffer();
        setStatus(SC_FOUND);
        setHeader("Location", location);
        send();
    }

    @Override
    public String encodeURL(String url) {
        return url;
    }

    @Override
    public String encodeRedirectURL(String url) {
        return url;
    }

    // ---------------------------------------------------------------- the body

    @Override
    public ServletOutputStream getOutputStream() {
        return stream;
    }

    @Override
    public PrintWriter getWriter() {
        if (writer == null) {
            writer = new PrintWriter(new OutputStreamWriter(stream, Charset.forName(encoding)));
        }
        return writer;
    }

    @Override
    public void flushBuffer() throws IOException {
        if (writer != null) {
            writer.flush();
        }
        stream.flush();
    }

    @Override
    public boolean isCommitted() {
        return committed;
    }

    @Override
    public void resetBuffer() {
        if (committed) {
            throw new IllegalStateException("the response has begun");
        }
        buffer.reset();
    }

    @Override
    public void reset() {
        resetBuffer();
        fields.clear();
        status = SC_OK;
    }

    @Override
    public int getBufferSize() {
        return BUFFER;
    }

    /** It is what it is. */
    @Override
    public void setBufferSize(int size) {
        if (committed) {
            throw new IllegalStateException("the response has begun");
        }
    }

    private void send() throws IOException {
        if (!committed) {
            committed = true;
            response.status(status);
            fields.forEach((name, values) -> values.forEach(value -> response.header(name, value)));
        }
        buffer.writeTo(response.body());
        buffer.reset();
    }

    private void learnEncoding(String type) {
        int at = type.toLowerCase(Locale.ROOT).indexOf("charset=");
        if (at >= 0) {
            encoding = type.substring(at + 8).split(";")[0].replace("\"", "").strip();
        }
    }

    private static String attribute(Map.Entry<String, String> one) {
        boolean flag = one.getValue().isEmpty() || one.getValue().equalsIgnoreCase("true");
        return "; " + one.getKey() + (flag ? "" : "=" + one.getValue());
    }

    private static String date(long millis) {
        return DateTimeFormatter.RFC_1123_DATE_TIME.format(Instant.ofEpochMilli(millis).atOffset(ZoneOffset.UTC));
    }

    /** What waits is sent by a flush, or when it is enough. */
    private final class Body extends ServletOutputStream {
        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] data, int offset, int length) throws IOException {
            buffer.write(data, offset, length);
            if (buffer.size() > BUFFER) {
                send();
            }
        }

        @Override
        public void flush() throws IOException {
            send();
            response.body().flush();
        }

        @Override
        public boolean isReady() {
            return true;
        }

        @Override
        public void setWriteListener(WriteListener listener) {
            throw new IllegalStateException("a Prack worker has no asynchronous responses");
        }
    }
}

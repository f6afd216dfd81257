package prack.worker;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** One request, as the client sent it. */
public final class Request {
    private final String identifier;
    private final int attempt;
    private final String method;
    private final String target;
    private final List<Map.Entry<String, String>> fields = new ArrayList<>();
    private final InputStream body;

    /** {@code head} is request line and fields, in Latin-1. */
    public Request(String identifier, int attempt, byte[] head, InputStream body) {
        this.identifier = identifier;
        this.attempt = attempt;
        this.body = body;
        String[] lines = new String(head, StandardCharsets.ISO_8859_1).split("\r\n");
        String[] first = lines[0].split(" ");
        method = first[0];
        target = first[1];
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            fields.add(Map.entry(lines[i].substring(0, colon), lines[i].substring(colon + 1).strip()));
        }
    }

    public String method() {
        return method;
    }

    /** Path and query, with percent-encoding. */
    public String target() {
        return target;
    }

    public String path() {
        return target.split("\\?", 2)[0];
    }

    /** What is behind the question mark, or {@code ""}. */
    public String query() {
        int mark = target.indexOf('?');
        return mark < 0 ? "" : target.substring(mark + 1);
    }

    /** Names and values in their order; a character of a value is a byte. */
    public List<Map.Entry<String, String>> fields() {
        return fields;
    }

    /** The values of a field. */
    public List<String> values(String name) {
        return fields.stream().filter(field -> field.getKey().equalsIgnoreCase(name)).map(Map.Entry::getValue).toList();
    }

    /** The values of a field with commas between, {@code ""} without it. */
    public String value(String name) {
        return values(name).stream().collect(Collectors.joining(", "));
    }

    /** The body as it comes; it is fetched when it is first read. */
    public InputStream body() {
        return body;
    }

    /** The gateway's id of this request. */
    public String id() {
        return identifier.split("\\.")[0];
    }

    /** 1, or more if another worker may have had it before. */
    public int attempt() {
        return attempt;
    }

    @Override
    public String toString() {
        return "%s %s (%s)".formatted(method, path(), id());
    }
}

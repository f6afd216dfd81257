package prack.worker.servlet;

import java.net.URLDecoder;
import java.nio.charset.Charset;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** The parameters of a query, and of a form. */
final class Parameters {
    private final Map<String, String[]> values = new LinkedHashMap<>();

    Map<String, String[]> values() {
        return values;
    }

    /** Add those of {@code a=1&b=2}. */
    void add(String text, Charset charset) {
        for (String pair : text.split("&")) {
            if (!pair.isEmpty()) {
                String[] parts = pair.split("=", 2);
                String value = parts.length < 2 ? "" : URLDecoder.decode(parts[1], charset);
                values.merge(URLDecoder.decode(parts[0], charset), new String[] {value}, Parameters::joined);
            }
        }
    }

    private static String[] joined(String[] first, String[] more) {
        return Stream.of(first, more).flatMap(Stream::of).toArray(String[]::new);
    }
}

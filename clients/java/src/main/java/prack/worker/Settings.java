package prack.worker;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What a worker was told: by its builder, or by the variables of prack-worker. */
public final class Settings {
    /** An option: its variable, its default, and what is expected. */
    public enum Option {
        GATEWAY("http://127.0.0.1:4242", "https?://[^/?#@]+", "http:// or https://, then host and port"),
        SLOTS("64", "[1-9]\\d{0,2}|1000", "1 to 1000"),
        ROUTES("", ".*", "routes, separated by commas"),
        SERVICE("", "[!-~]{0,128}", "at most 128 visible ASCII characters"),
        APP_VERSION("", "[!-~]{0,128}", "at most 128 visible ASCII characters"),
        TIER("0", "\\d", "0 to 9"),
        GRACE("30", "\\d+(\\.\\d+)?", "seconds"),
        MAX_SILENCE("20", "[1-9]\\d{0,2}|[12]\\d{3}|3[0-5]\\d\\d|3600", "seconds, 1 to 3600"),
        TOKEN("", "[!-~]*", "visible ASCII characters"),
        TOKEN_FILE("", ".*", "a file"),
        TLS_CA("", ".*", "a file"),
        CLIENT_CERT("", ".*", "a file"),
        CLIENT_KEY("", ".*", "a file"),
        LOG_LEVEL("info", "debug|info|warning|error", "debug, info, warning or error");

        private final String usual;
        private final String pattern;
        private final String expected;

        Option(String usual, String pattern, String expected) {
            this.usual = usual;
            this.pattern = pattern;
            this.expected = expected;
        }

        String variable() {
            return "PRACK_" + name();
        }
    }

    private static final List<Option> FILES =
            List.of(Option.TOKEN_FILE, Option.TLS_CA, Option.CLIENT_CERT, Option.CLIENT_KEY);

    private final Map<Option, String> values = new LinkedHashMap<>();

    /** @throws IllegalArgumentException a line for each mistake */
    public Settings(Map<Option, String> given, Map<String, String> environment) {
        List<String> mistakes = new ArrayList<>();
        for (Option option : Option.values()) {
            String text = given.getOrDefault(option, environment.getOrDefault(option.variable(), ""));
            values.put(option, text.isEmpty() ? option.usual : text);
            if (!values.get(option).matches(option.pattern)) {
                String shown = option == Option.TOKEN ? "" : " \"" + Lines.visible(text) + "\"";
                mistakes.add(option.variable() + shown + ": expected " + option.expected);
            }
        }
        for (Option option : FILES) {
            String path = values.get(option);
            if (!path.isEmpty() && !Files.isReadable(Path.of(path))) {
                mistakes.add("%s \"%s\": cannot be read".formatted(option.variable(), Lines.visible(path)));
            }
        }
        if (!mistakes.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", mistakes));
        }
    }

    public String text(Option option) {
        return values.get(option);
    }

    public int number(Option option) {
        return Integer.parseInt(values.get(option));
    }

    public URI gateway() {
        return URI.create(values.get(Option.GATEWAY));
    }

    /** Seconds. */
    public double grace() {
        return Double.parseDouble(values.get(Option.GRACE));
    }

    /** A comma within a list of methods ("GET,HEAD /") does not end a route. */
    public List<String> routes() {
        Stream<String> routes = Stream.of(values.get(Option.ROUTES).split(",(?![A-Z]+[ ,])"));
        return routes.map(String::strip).filter(route -> !route.isEmpty()).toList();
    }
}

package prack.worker;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/** The log of prack-worker: time, level, sentence. */
public final class Lines {
    private static final List<String> LEVELS = List.of("debug", "info", "warning", "error");
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss");

    private final PrintStream out;
    private final int least;

    public Lines(PrintStream out, String level) {
        this.out = out;
        this.least = LEVELS.indexOf(level);
    }

    /** Write a line of this level, if it is wanted. */
    public void log(String level, String format, Object... arguments) {
        if (LEVELS.indexOf(level) >= least) {
            String text = visible(format.formatted(arguments));
            out.printf("%s %s %s%n", LocalTime.now().format(TIME), level.toUpperCase(Locale.ROOT), text);
        }
    }

    /** A failure with its stack. */
    public static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return text.toString().stripTrailing();
    }

    /** What others have said, without what a terminal would obey. */
    static String visible(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().forEach(point -> {
            boolean obeyed = Character.isISOControl(point) && point != '\n' && point != '\t';
            shown.append(obeyed ? "\\x%02x".formatted(point) : Character.toString(point));
        });
        return shown.toString();
    }
}

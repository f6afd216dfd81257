package prack.worker.internal;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import prack.worker.Lines;
import prack.worker.PrackException.Refused;
import prack.worker.PrackException.Unreachable;
import prack.worker.PrackWorker;
import prack.worker.Settings;
import prack.worker.Settings.Option;

/** The worker API of one gateway, as the worker calls it (docs/rest.md). For any thread. */
public final class Gateway {
    private static final int POLL_SECONDS = 20;
    private static final int SLACK_SECONDS = 5;
    private static final Duration CALL = Duration.ofSeconds(60);
    private static final Set<Integer> BUSY = Set.of(401, 403, 408, 429);
    private static final Pattern DETAIL = Pattern.compile("\"detail\": ?\"((?:[^\"\\\\]|\\\\.)*)\"");
    private static final Pattern DEADLINE = Pattern.compile("\"deadline_ms\": ?(\\d+)");

    private final Settings settings;
    private final Lines log;
    private final String worker;
    private final HttpClient client;
    private boolean connected;
    private String trouble = "";

    /** @throws IllegalArgumentException a file for TLS has not what it should */
    public Gateway(Settings settings, Lines log) {
        this.settings = settings;
        this.log = log;
        int odd = ThreadLocalRandom.current().nextInt();
        this.worker = "%s-%d-%08x".formatted(host(), ProcessHandle.current().pid(), odd);
        HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5));
        if (settings.gateway().getScheme().equals("https")) {
            builder.sslContext(Tls.context(settings));
        }
        this.client = builder.build();
    }

    /** Have the parked polls return at once. */
    public void leave() {
        try {
            call("/drain", "{\"worker\": \"%s\", \"leaving\": true}".formatted(worker));
        } catch (Unreachable error) {
            log.log("debug", "The polls end when their time is over: %s", error.getMessage());
        }
    }

    /** What a poll brought: the reply with the head of a request, nothing when none came. */
    Optional<HttpResponse<byte[]>> poll() throws Unreachable, Refused {
        int wait = isConnected() ? POLL_SECONDS : 0; // the first one shows whether the gateway is there
        HttpRequest request = request("/requests/next?wait=" + wait + query())
                .timeout(Duration.ofSeconds(wait + SLACK_SECONDS)).build();
        HttpResponse<byte[]> reply = send(request, BodyHandlers.ofByteArray());
        if (reply.statusCode() == 400) {
            throw new Refused("the gateway refuses this worker: " + detail(reply.statusCode(), text(reply)));
        }
        check(reply, text(reply));
        if (reply.statusCode() != 200 && reply.statusCode() != 204) {
            throw new Unreachable(reply.statusCode() + ": the server there is not a Prack gateway", 0);
        }
        found();
        return Optional.of(reply).filter(one -> one.statusCode() == 200);
    }

    /** Ask for more time; gives milliseconds, none if nobody waits any more. */
    Optional<Long> extend(Held held) throws Unreachable {
        String message = "{\"ms\": %d}".formatted(settings.number(Option.MAX_SILENCE) * 1000);
        HttpResponse<String> reply = call("/requests/" + held.identifier() + "/extend", message);
        Matcher found = DEADLINE.matcher(reply.body());
        boolean extended = reply.statusCode() == 200 && found.find();
        return extended ? Optional.of(Long.parseLong(found.group(1))) : Optional.empty();
    }

    /** The body of a request as it comes. */
    InputStream body(String identifier) throws Unreachable {
        HttpResponse<InputStream> reply = send(request("/requests/" + identifier + "/body").build(),
                BodyHandlers.ofInputStream());
        if (reply.statusCode() != 200) {
            throw new Unreachable("the body of the request cannot be read: " + reply.statusCode(), 0);
        }
        return reply.body();
    }

    /** Begin the upload of an answer. */
    CompletableFuture<HttpResponse<String>> answer(String identifier, BodyPublisher body) throws Unreachable {
        HttpRequest request = request("/requests/" + identifier + "/response")
                .header("content-type", "application/http").POST(body).build();
        return client.sendAsync(request, BodyHandlers.ofString());
    }

    /** @throws Unreachable a call was refused for what may pass */
    void check(HttpResponse<?> reply, String text) throws Unreachable {
        if (reply.statusCode() == 401) {
            throw new Unreachable("the gateway rejects this token: check PRACK_TOKEN or PRACK_TOKEN_FILE", 0);
        }
        if (BUSY.contains(reply.statusCode()) || reply.statusCode() >= 500) {
            int asked = reply.headers().firstValue("retry-after").filter(one -> one.matches("\\d{1,5}"))
                    .map(Integer::parseInt).orElse(0);
            throw new Unreachable(detail(reply.statusCode(), text), Math.min(asked, 60));
        }
    }

    /** Why a call was refused, as one line. */
    static String detail(int status, String text) {
        Matcher found = DETAIL.matcher(text);
        return found.find() ? status + ": " + found.group(1).replaceAll("\\\\(.)", "$1") : Integer.toString(status);
    }

    /** Log a line when the reason changes, not for each attempt. */
    synchronized void lost(Unreachable error) {
        if (connected) {
            log.log("warning", "Lost the gateway: %s; reconnecting", error.getMessage());
        } else if (!error.getMessage().equals(trouble)) {
            log.log("warning", "No gateway at %s: %s; retrying until it answers",
                    settings.gateway(), error.getMessage());
        }
        connected = false;
        trouble = error.getMessage();
    }

    private synchronized void found() {
        if (!connected) {
            log.log("info", "Connected to %s", settings.gateway());
        }
        connected = true;
        trouble = "";
    }

    private synchronized boolean isConnected() {
        return connected;
    }

    private HttpResponse<String> call(String path, String message) throws Unreachable {
        HttpRequest request = request(path).timeout(CALL).header("content-type", "application/json")
                .POST(BodyPublishers.ofString(message)).build();
        HttpResponse<String> reply = send(request, BodyHandlers.ofString());
        check(reply, reply.body());
        return reply;
    }

    private <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler) throws Unreachable {
        try {
            return client.send(request, handler);
        } catch (IOException error) {
            throw unreachable(error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new Unreachable("the worker was interrupted", error);
        }
    }

    /** Why a call had no answer, as one line for the log. */
    static Unreachable unreachable(Throwable error) {
        String reason = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
        return new Unreachable(reason + " (is `prack serve` running there?)", error);
    }

    private HttpRequest.Builder request(String path) throws Unreachable {
        HttpRequest.Builder made = HttpRequest.newBuilder(URI.create(settings.gateway() + "/api/v1" + path))
                .header("user-agent", "prack-java/" + PrackWorker.VERSION);
        String token = token();
        return token.isEmpty() ? made : made.header("authorization", "Bearer " + token);
    }

    /** The token of now: its file may be replaced while the worker runs. */
    private String token() throws Unreachable {
        String file = settings.text(Option.TOKEN_FILE);
        try {
            return file.isEmpty() ? settings.text(Option.TOKEN) : Files.readString(Path.of(file)).strip();
        } catch (IOException error) {
            throw new Unreachable("PRACK_TOKEN_FILE cannot be read: " + error.getMessage(), error);
        }
    }

    private String query() {
        StringBuilder query = new StringBuilder("&body=separate&worker=").append(encoded(worker));
        query.append("&lease=").append(settings.text(Option.MAX_SILENCE));
        query.append("&service=").append(encoded(settings.text(Option.SERVICE)));
        query.append("&version=").append(encoded(settings.text(Option.APP_VERSION)));
        query.append("&tier=").append(settings.text(Option.TIER));
        settings.routes().forEach(route -> query.append("&route=").append(encoded(route)));
        return query.toString();
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String text(HttpResponse<byte[]> reply) {
        return new String(reply.body(), StandardCharsets.UTF_8);
    }

    private static String host() {
        try {
            String name = InetAddress.getLocalHost().getHostName().replaceAll("[^!-~]", "-");
            return name.substring(0, Math.min(64, name.length()));
        } catch (UnknownHostException error) {
            return "java";
        }
    }
}

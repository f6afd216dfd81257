package prack.worker.examples;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Collectors;
import prack.worker.Handler;
import prack.worker.PrackWorker;
import prack.worker.Request;
import prack.worker.Response;

/** The application of the conformance kit (docs/conformance.md). */
public final class Reference {
    private static final int PAUSE_MILLIS = 400;
    private static final int BIG = 2_000_000;

    private static final Map<String, Handler> ROUTES = Map.ofEntries(
            Map.entry("hello", (request, response) -> {
                response.header("content-length", "6");
                reply(response, 200, "Hello\n");
            }),
            Map.entry("echo", (request, response) -> {
                response.header("content-type", "application/octet-stream");
                echo(request.body(), response.body());
            }),
            Map.entry("sink", (request, response) ->
                    reply(response, 200, request.body().transferTo(OutputStream.nullOutputStream()) + "\n")),
            Map.entry("request", (request, response) -> reply(response, 200, told(request))),
            Map.entry("headers", (request, response) -> {
                response.header("X-Mixed-Case", "kept").header("set-cookie", "a=1").header("set-cookie", "b=2");
                response.header("x-obs-text", "caf\u00e9").header("x-empty", "");
                reply(response, 200, "headers\n");
            }),
            Map.entry("status", (request, response) -> response.status(Integer.parseInt(last(request)))),
            Map.entry("early", (request, response) -> reply(response, 403, "not wanted\n")),
            Map.entry("stream", (request, response) -> {
                reply(response, 200, "one\n");
                for (String piece : new String[] {"two\n", "three\n"}) {
                    response.body().flush();
                    Thread.sleep(PAUSE_MILLIS);
                    response.body().write(piece.getBytes(StandardCharsets.US_ASCII));
                }
            }),
            Map.entry("big", (request, response) -> {
                response.header("content-type", "application/octet-stream");
                response.body().write(new byte[BIG]);
            }),
            Map.entry("slow", (request, response) -> {
                Thread.sleep(Integer.parseInt(last(request)));
                reply(response, 200, "slow\n");
            }),
            Map.entry("fail", (request, response) -> {
                throw new IllegalStateException("this application fails, as it was asked to");
            }),
            Map.entry("fail-late", (request, response) -> {
                reply(response, 200, "part");
                response.body().flush();
                Thread.sleep(PAUSE_MILLIS);
                throw new IllegalStateException("this application fails late, as it was asked to");
            }),
            Map.entry("hints", (request, response) -> {
                response.header("link", "</style.css>; rel=preload").interim(103);
                reply(response, 200, "hinted\n");
            }));

    private Reference() {
    }

    public static void main(String[] words) throws Exception {
        PrackWorker.builder().slots(8).handler((request, response) ->
                ROUTES.getOrDefault(request.path().split("/", 3)[1], Reference::missing).handle(request, response)
        ).build().run();
    }

    private static void missing(Request request, Response response) throws IOException {
        reply(response, 404, "no such route\n");
    }

    private static void reply(Response response, int status, String text) throws IOException {
        response.status(status).header("content-type", "text/plain");
        response.body().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static void echo(InputStream from, OutputStream to) throws IOException {
        byte[] piece = new byte[64 * 1024];
        for (int size = from.read(piece); size >= 0; size = from.read(piece)) {
            to.write(piece, 0, size);
            to.flush();
        }
    }

    private static String told(Request request) {
        return request.method() + " " + request.target() + "\n" + request.fields().stream()
                .map(field -> field.getKey() + ": " + field.getValue() + "\n").collect(Collectors.joining());
    }

    private static String last(Request request) {
        return request.path().substring(request.path().lastIndexOf('/') + 1);
    }
}

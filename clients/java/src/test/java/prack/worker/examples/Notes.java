package prack.worker.examples;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Optional;
import prack.worker.PrackWorker;
import prack.worker.servlet.ServletHandler;

/** A servlet with a filter, as it is in any container. */
public final class Notes extends HttpServlet {
    private static final long serialVersionUID = 1;
    private static final int PAUSE_MILLIS = 300;

    public static void main(String[] words) throws Exception {
        ServletHandler handler = ServletHandler.of(new Notes(), (request, response, chain) -> {
            ((HttpServletResponse) response).setHeader("X-Path", ((HttpServletRequest) request).getRequestURI());
            chain.doFilter(request, response);
        });
        PrackWorker.builder().slots(3).handler(handler).build().run();
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        if (request.getPathInfo().startsWith("/run/")) {
            response.getWriter().println(request.getPathInfo().substring(5) + " java");
        } else {
            super.service(request, response);
        }
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        switch (request.getPathInfo()) {
            case "/last" -> {
                response.setContentType("text/plain;charset=UTF-8");
                response.getWriter().println("Last: " + cookie(request).orElse("nothing"));
            }
            case "/events" -> events(response);
            case "/session" -> request.getSession();
            default -> response.sendError(404, "no such note: " + request.getPathInfo());
        }
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Cookie last = new Cookie("last", request.getParameter("text"));
        last.setHttpOnly(true);
        last.setMaxAge(60);
        response.addCookie(last);
        response.sendRedirect("/last");
    }

    @Override
    protected void doPut(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.getWriter().println(request.getInputStream().transferTo(OutputStream.nullOutputStream()));
    }

    private static void events(HttpServletResponse response) throws IOException {
        response.setContentType("text/event-stream");
        for (int number = 0; number < 3; number++) {
            response.getWriter().print("data: " + number + "\n\n");
            response.flushBuffer();
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static Optional<String> cookie(HttpServletRequest request) {
        return Optional.ofNullable(request.getCookies()).stream().flatMap(Arrays::stream)
                .filter(one -> one.getName().equals("last")).map(Cookie::getValue).findFirst();
    }
}

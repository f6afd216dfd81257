package prack.worker.servlet;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.Servlet;
import jakarta.servlet.ServletException;
import java.util.List;
import prack.worker.Handler;
import prack.worker.Request;
import prack.worker.Response;

/**
 * One servlet, and filters before it, that get all requests.
 *
 * <pre>PrackWorker.builder().handler(ServletHandler.of(new MyServlet())).build().run();</pre>
 */
public final class ServletHandler implements Handler {
    private final Servlet servlet;
    private final List<Filter> filters;
    private final Context context = new Context();

    private ServletHandler(Servlet servlet, List<Filter> filters) {
        this.servlet = servlet;
        this.filters = filters;
    }

    /** @throws ServletException the servlet or a filter refuses to begin */
    public static ServletHandler of(Servlet servlet, Filter... filters) throws ServletException {
        ServletHandler made = new ServletHandler(servlet, List.of(filters));
        for (Filter filter : made.filters) {
            filter.init(new Context.OfFilter(filter.getClass().getName(), made.context.proxy()));
        }
        servlet.init(new Context.OfServlet(servlet.getClass().getName(), made.context.proxy()));
        return made;
    }

    @Override
    public void handle(Request request, Response response) throws Exception {
        Outgoing outgoing = new Outgoing(response);
        chain(0).doFilter(new Incoming(request, context.proxy()), outgoing);
        outgoing.finish();
    }

    private FilterChain chain(int next) {
        if (next == filters.size()) {
            return servlet::service;
        }
        return (request, response) -> filters.get(next).doFilter(request, response, chain(next + 1));
    }
}

package prack.worker.servlet;

import jakarta.servlet.DispatcherType;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpSession;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.net.URLDecoder;
import java.security.Principal;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import prack.worker.Request;

/** A request as a servlet sees it: all but sessions, asynchronous responses, parts and dispatchers. */
final class Incoming extends HttpServletRequestWrapper {
    private static final Pattern CHARSET = Pattern.compile("charset=\"?([^\";\\s]+)", Pattern.CASE_INSENSITIVE);
    private static final Pattern AUTHORITY = Pattern.compile("(.*?)(?::(\\d+))?");
    private static final String FORM = "application/x-www-form-urlencoded";

    private final Request request;
    private final ServletContext context;
    private final Map<String, Object> attributes = new HashMap<>();
    private final ServletInputStream stream;
    private Map<String, String[]> parameters;
    private String encoding;

    Incoming(Request request, ServletContext context) {
        super(Unsupported.of(HttpServletRequest.class));
        this.request = request;
        this.context = context;
        this.stream = new Body(request.body());
        Matcher found = CHARSET.matcher(request.value("content-type"));
        encoding = found.find() ? found.group(1) : null;
        attributes.put("prack.attempt", request.attempt());
    }

    // ---------------------------------------------------------------- the target

    @Override
    public String getMethod() {
        return request.method();
    }

    @Override
    public String getRequestURI() {
        return request.path();
    }

    @Override
    public StringBuffer getRequestURL() {
        return new StringBuffer(getScheme()).append("://").append(request.value("host")).append(request.path());
    }

    @Override
    public String getQueryString() {
        return request.target().contains("?") ? request.query() : null;
    }

    @Override
    public String getContextPath() {
        return "";
    }

    @Override
    public String getServletPath() {
        return "";
    }

    @Override
    public String getPathInfo() {
        return URLDecoder.decode(request.path().replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    @Override
    public String getPathTranslated() {
        return null;
    }

    @Override
    public String getProtocol() {
        return "HTTP/1.1";
    }

    // ---------------------------------------------------------------- who is there

    @Override
    public String getScheme() {
        return request.value("x-forwarded-proto").equals("https") ? "https" : "http";
    }

    @Override
    public boolean isSecure() {
        return getScheme().equals("https");
    }

    @Override
    public String getServerName() {
        return authority().group(1);
    }

    @Override
    public int getServerPort() {
        return Optional.ofNullable(authority().group(2)).map(Integer::parseInt).orElse(isSecure() ? 443 : 80);
    }

    /** The one that spoke to the gateway. */
    @Override
    public String getRemoteAddr() {
        String chain = request.value("x-forwarded-for");
        return chain.substring(chain.lastIndexOf(',') + 1).strip();
    }

    @Override
    public String getRemoteHost() {
        return getRemoteAddr();
    }

    @Override
    public String getRemoteUser() {
        return null;
    }

    @Override
    public Principal getUserPrincipal() {
        return null;
    }

    @Override
    public String getAuthType() {
        return null;
    }

    // ---------------------------------------------------------------- fields

    @Override
    public String getHeader(String name) {
        return request.values(name).stream().findFirst().orElse(null);
    }

    @Override
    public Enumeration<String> getHeaders(String name) {
        return Collections.enumeration(request.values(name));
    }

    @Override
    public Enumeration<String> getHeaderNames() {
        return Collections.enumeration(request.fields().stream().map(Map.Entry::getKey).distinct().toList());
    }

    @Override
    public int getIntHeader(String name) {
        return getHeader(name) == null ? -1 : Integer.parseInt(getHeader(name));
    }

    @Override
    public long getDateHeader(String name) {
        String text = getHeader(name);
        return text == null ? -1
                : ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant().toEpochMilli();
    }

    @Override
    public Cookie[] getCookies() {
        List<Cookie> cookies = request.values("cookie").stream().flatMap(line -> Stream.of(line.split(";")))
                .map(pair -> pair.strip().split("=", 2)).filter(pair -> pair.length == 2 && !pair[0].isEmpty())
                .map(pair -> new Cookie(pair[0], pair[1])).toList();
        return cookies.isEmpty() ? null : cookies.toArray(new Cookie[0]);
    }

    @Override
    public String getContentType() {
        return getHeader("content-type");
    }

    @Override
    public int getContentLength() {
        long length = getContentLengthLong();
        return length > Integer.MAX_VALUE ? -1 : (int) length;
    }

    @Override
    public long getContentLengthLong() {
        return getHeader("content-length") == null ? -1 : Long.parseLong(getHeader("content-length"));
    }

    @Override
    public Locale getLocale() {
        return getLocales().nextElement();
    }

    @Override
    public Enumeration<Locale> getLocales() {
        String wanted = request.value("accept-language");
        List<Locale> known = wanted.isEmpty() ? List.of() : Locale.LanguageRange.parse(wanted).stream()
                .map(range -> Locale.forLanguageTag(range.getRange())).toList();
        return Collections.enumeration(known.isEmpty() ? List.of(Locale.getDefault()) : known);
    }

    // ---------------------------------------------------------------- the body

    @Override
    public String getCharacterEncoding() {
        return encoding;
    }

    @Override
    public void setCharacterEncoding(String name) {
        encoding = name;
    }

    @Override
    public ServletInputStream getInputStream() {
        return stream;
    }

    @Override
    public BufferedReader getReader() {
        return new BufferedReader(new InputStreamReader(stream, charset()));
    }

    @Override
    public Map<String, String[]> getParameterMap() {
        if (parameters == null) {
            Parameters found = new Parameters();
            found.add(request.query(), StandardCharsets.UTF_8);
            if (request.method().equals("POST") && request.value("content-type").startsWith(FORM)) {
                found.add(text(), charset());
            }
            parameters = Collections.unmodifiableMap(found.values());
        }
        return parameters;
    }

    @Override
    public String getParameter(String name) {
        String[] values = getParameterValues(name);
        return values == null ? null : values[0];
    }

    @Override
    public String[] getParameterValues(String name) {
        return getParameterMap().get(name);
    }

    @Override
    public Enumeration<String> getParameterNames() {
        return Collections.enumeration(getParameterMap().keySet());
    }

    // ---------------------------------------------------------------- the rest

    @Override
    public Object getAttribute(String name) {
        return attributes.get(name);
    }

    @Override
    public void setAttribute(String name, Object value) {
        attributes.put(name, value);
    }

    @Override
    public void removeAttribute(String name) {
        attributes.remove(name);
    }

    @Override
    public Enumeration<String> getAttributeNames() {
        return Collections.enumeration(attributes.keySet());
    }

    @Override
    public ServletContext getServletContext() {
        return context;
    }

    @Override
    public String getRequestId() {
        return request.id();
    }

    @Override
    public DispatcherType getDispatcherType() {
        return DispatcherType.REQUEST;
    }

    @Override
    public boolean isAsyncSupported() {
        return false;
    }

    @Override
    public boolean isAsyncStarted() {
        return false;
    }

    /** There are none: null, unless one is to be made. */
    @Override
    public HttpSession getSession(boolean create) {
        return create ? super.getSession(true) : null;
    }

    @Override
    public String getRequestedSessionId() {
        return null;
    }

    private Matcher authority() {
        Matcher found = AUTHORITY.matcher(request.value("host"));
        found.matches();
        return found;
    }

    private Charset charset() {
        return encoding == null ? StandardCharsets.UTF_8 : Charset.forName(encoding);
    }

    private String text() {
        try {
            return new String(stream.readAllBytes(), charset());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** The body as a stream that waits. */
    private static final class Body extends ServletInputStream {
        private final InputStream body;
        private boolean finished;

        Body(InputStream body) {
            this.body = body;
        }

        @Override
        public int read() throws IOException {
            int one = body.read();
            finished = one < 0;
            return one;
        }

        @Override
        public int read(byte[] data, int offset, int length) throws IOException {
            int size = body.read(data, offset, length);
            finished = size < 0;
            return size;
        }

        @Override
        public boolean isFinished() {
            return finished;
        }

        @Override
        public boolean isReady() {
            return true;
        }

        @Override
        public void setReadListener(ReadListener listener) {
            throw new IllegalStateException("a Prack worker has no asynchronous requests");
        }
    }
}

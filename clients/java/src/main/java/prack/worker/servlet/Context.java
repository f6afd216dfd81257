package prack.worker.servlet;

import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletConfig;
import jakarta.servlet.ServletContext;
import java.lang.reflect.Proxy;
import java.util.Collections;
import java.util.Enumeration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What a servlet can ask of its surroundings: attributes, and where it is. */
final class Context {
    private final Map<String, Object> attributes = new ConcurrentHashMap<>();
    private final ServletContext proxy = (ServletContext) Proxy.newProxyInstance(
            ServletContext.class.getClassLoader(), new Class<?>[] {ServletContext.class},
            (self, method, arguments) -> answer(method.getName(), arguments));

    ServletContext proxy() {
        return proxy;
    }

    private Object answer(String method, Object[] arguments) {
        return switch (method) {
            case "getAttribute" -> attributes.get((String) arguments[0]);
            case "setAttribute" -> attributes.put((String) arguments[0], arguments[1]);
            case "removeAttribute" -> attributes.remove((String) arguments[0]);
            case "getAttributeNames" -> Collections.enumeration(attributes.keySet());
            case "getContextPath" -> "";
            case "getServletContextName", "getServerInfo" -> "prack";
            case "getInitParameter", "getMimeType", "getRealPath", "getResource", "getResourceAsStream" -> null;
            case "getInitParameterNames" -> Collections.emptyEnumeration();
            case "getMajorVersion", "getEffectiveMajorVersion" -> 6;
            case "getMinorVersion", "getEffectiveMinorVersion" -> 0;
            case "getClassLoader" -> Thread.currentThread().getContextClassLoader();
            case "log" -> null; // an application has a log of its own
            case "toString" -> "prack";
            case "hashCode" -> System.identityHashCode(this);
            case "equals" -> proxy == arguments[0];
            default -> throw Unsupported.refusal(ServletContext.class, method);
        };
    }

    record OfServlet(String name, ServletContext context) implements ServletConfig {
        @Override
        public String getServletName() {
            return name;
        }

        @Override
        public ServletContext getServletContext() {
            return context;
        }

        @Override
        public String getInitParameter(String parameter) {
            return null;
        }

        @Override
        public Enumeration<String> getInitParameterNames() {
            return Collections.emptyEnumeration();
        }
    }

    record OfFilter(String name, ServletContext context) implements FilterConfig {
        @Override
        public String getFilterName() {
            return name;
        }

        @Override
        public ServletContext getServletContext() {
            return context;
        }

        @Override
        public String getInitParameter(String parameter) {
            return null;
        }

        @Override
        public Enumeration<String> getInitParameterNames() {
            return Collections.emptyEnumeration();
        }
    }
}

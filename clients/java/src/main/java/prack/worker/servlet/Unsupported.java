package prack.worker.servlet;

import java.lang.reflect.Proxy;

/** Objects of an interface each method of which says that it is not there. */
final class Unsupported {
    private Unsupported() {
    }

    /** What a method that is not there throws. */
    static UnsupportedOperationException refusal(Class<?> kind, String method) {
        String name = kind.getSimpleName() + "." + method;
        return new UnsupportedOperationException(
                name + ": a Prack worker has no servlet container; its README says what there is");
    }

    static <T> T of(Class<T> kind) {
        Class<?>[] kinds = {kind};
        return kind.cast(Proxy.newProxyInstance(kind.getClassLoader(), kinds, (self, method, arguments) -> {
            throw refusal(kind, method.getName());
        }));
    }
}

package prack.worker.servlet;

import java.lang.reflect.Proxy;

/** Objects of an interface each method of which says that it is not there. */
final class Unsupported {
    private Unsupported() {
    }

    static <T> T of(Class<T> kind) {
        Object made = Proxy.newProxyInstance(kind.getClassLoader(), new Class<?>[] {kind}, (self, method, arguments) -> {
            String name = kind.getSimpleName() + "." + method.getName();
            throw new UnsupportedOperationException(name + ": a Prack worker has no servlet container; clients/java/README.md says what there is");
        });
        return kind.cast(made);
    }
}

import com.hsbc.cranker.connector.CrankerConnectorBuilder;
import com.hsbc.cranker.connector.RegistrationUriSuppliers;
import com.hsbc.cranker.mucranker.CrankerRouterBuilder;
import io.muserver.MuServerBuilder;
import java.net.URI;
import java.net.http.HttpClient;

/** Both ends of Cranker with its defaults: `router PUBLIC_PORT PRIVATE_PORT`, `connector ROUTER_URL SERVER_URL`. */
public class Cranker {
    public static void main(String[] arguments) throws InterruptedException {
        if (arguments[0].equals("router")) {
            route(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
        } else {
            connect(URI.create(arguments[1]), URI.create(arguments[2]));
        }
        Thread.currentThread().join();
    }

    private static void route(int publicPort, int privatePort) {
        var router = CrankerRouterBuilder.crankerRouter().start();
        server(privatePort).addHandler(router.createRegistrationHandler()).start();
        server(publicPort).addHandler(router.createHttpHandler()).start();
    }

    private static MuServerBuilder server(int port) {
        return MuServerBuilder.muServer().withInterface("127.0.0.1").withHttpPort(port);
    }

    private static void connect(URI router, URI server) {
        // uvicorn has no HTTP/2; asked for it, it would write a warning for each request.
        var client = CrankerConnectorBuilder.createHttpClient(false).version(HttpClient.Version.HTTP_1_1);
        CrankerConnectorBuilder.connector()
            .withRouterUris(RegistrationUriSuppliers.fixedUris(router))
            .withRoute("*")
            .withTarget(server)
            .withHttpClient(client.build())
            .start();
    }
}

package prack.worker.internal;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import prack.worker.Settings;
import prack.worker.Settings.Option;

/** How to speak TLS with a gateway: PEM files, as prack-worker has them. */
final class Tls {
    private Tls() {
    }

    /** @throws IllegalArgumentException a file has not what it should */
    static SSLContext context(Settings settings) {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys(settings), trust(settings.text(Option.TLS_CA)), null);
            return context;
        } catch (GeneralSecurityException | IOException error) {
            String files = "PRACK_TLS_CA, PRACK_CLIENT_CERT, PRACK_CLIENT_KEY: ";
            throw new IllegalArgumentException(files + error.getMessage(), error);
        }
    }

    private static TrustManager[] trust(String path) throws GeneralSecurityException, IOException {
        if (path.isEmpty()) {
            return null; // those of this Java
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        for (Certificate one : certificates(path)) {
            store.setCertificateEntry("ca-" + number++, one);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    private static KeyManager[] keys(Settings settings) throws GeneralSecurityException, IOException {
        String path = settings.text(Option.CLIENT_CERT);
        if (path.isEmpty()) {
            return null;
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        Certificate[] chain = certificates(path).toArray(new Certificate[0]);
        store.setKeyEntry("worker", key(settings.text(Option.CLIENT_KEY)), new char[0], chain);
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    private static Collection<? extends Certificate> certificates(String path)
            throws GeneralSecurityException, IOException {
        try (InputStream file = Files.newInputStream(Path.of(path))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(file);
        }
    }

    private static PrivateKey key(String path) throws GeneralSecurityException, IOException {
        String text = Files.readString(Path.of(path)).replaceAll("-----[^-]*-----|\\s", "");
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text));
        for (String kind : new String[] {"EC", "RSA"}) {
            try {
                return KeyFactory.getInstance(kind).generatePrivate(spec);
            } catch (InvalidKeySpecException error) {
                continue; // of another kind
            }
        }
        throw new InvalidKeySpecException(path + ": expected an EC or RSA key in PKCS #8 (BEGIN PRIVATE KEY)");
    }
}

package prack.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequestTest {
    @Test
    void targetAndFieldsAreAsTheyCame() {
        byte[] head = "GET /a%20b//c?x=%zz HTTP/1.1\r\nhost: x\r\nx-n: 1\r\nX-N: caf\u00e9\r\nx-empty:\r\n\r\n"
                .getBytes(StandardCharsets.ISO_8859_1);
        Request request = new Request("3f2c.1.9a41", 2, head, InputStream.nullInputStream());
        assertEquals("/a%20b//c", request.path());
        assertEquals("x=%zz", request.query());
        assertEquals(List.of("1", "caf\u00e9"), request.values("x-n"));
        assertEquals("", request.value("x-empty"));
        assertEquals("GET /a%20b//c (3f2c)", request.toString());
    }
}

package prack.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import prack.worker.Settings.Option;

class SettingsTest {
    @Test
    void whatIsGivenCountsMoreThanAVariable() {
        Settings settings = new Settings(Map.of(Option.SLOTS, "3"), Map.of("PRACK_SLOTS", "5", "PRACK_TIER", "2"));
        assertEquals(3, settings.number(Option.SLOTS));
        assertEquals(2, settings.number(Option.TIER));
        assertEquals("http://127.0.0.1:4242", settings.gateway().toString());
        assertEquals(30, settings.grace());
    }

    @Test
    void methodsOfARouteKeepTheirComma() {
        Settings settings = new Settings(Map.of(Option.ROUTES, "GET,HEAD shop.example.com/cart, /api"), Map.of());
        assertEquals(List.of("GET,HEAD shop.example.com/cart", "/api"), settings.routes());
    }

    @Test
    void allMistakesAreToldTogether() {
        Map<String, String> wrong = Map.of("PRACK_GATEWAY", "gateway:4242", "PRACK_SLOTS", "0",
                "PRACK_TOKEN", "two words", "PRACK_TLS_CA", "/no/such.pem");
        Throwable error = assertThrows(IllegalArgumentException.class, () -> new Settings(Map.of(), wrong));
        assertEquals("""
                PRACK_GATEWAY "gateway:4242": expected http:// or https://, then host and port
                PRACK_SLOTS "0": expected 1 to 1000
                PRACK_TOKEN: expected visible ASCII characters
                PRACK_TLS_CA "/no/such.pem": cannot be read""", error.getMessage());
    }

    @Test
    void aTerminalObeysNothing() {
        assertEquals("caf\u00e9\\x1b[31m", Lines.visible("caf\u00e9\u001b[31m"));
    }
}

package prack.worker.servlet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParametersTest {
    @Test
    void queryComesBeforeForm() {
        Parameters parameters = new Parameters();
        parameters.add("a=1&b&&c=x%26y", StandardCharsets.UTF_8);
        parameters.add("a=%C3%B6+", StandardCharsets.UTF_8);
        assertEquals(List.of("a", "b", "c"), List.copyOf(parameters.values().keySet()));
        assertArrayEquals(new String[] {"1", "\u00f6 "}, parameters.values().get("a"));
        assertArrayEquals(new String[] {""}, parameters.values().get("b"));
        assertArrayEquals(new String[] {"x&y"}, parameters.values().get("c"));
    }
}
